package flight

import "strings"

// What the specifications of tracestate and baggage allow, and how much of it is handed on.
const (
	mostStateMembers   = 32
	longestState       = 512
	longestStateMember = 128
	mostBaggageMembers = 180
	longestBaggage     = 8192
)

// cleanState returns the members of tracestate headers as one header to send on. One malformed member, or too many, make
// all of them nothing; of two with one key the first counts. What is too long loses its long members, then its last.
func cleanState(values []string) string {
	if len(values) == 0 {
		return ""
	}
	var members []string
	seen := map[string]bool{}
	for member := range strings.SplitSeq(strings.Join(values, ","), ",") {
		member = strings.Trim(member, " \t")
		if member == "" {
			continue
		}
		key, value, found := strings.Cut(member, "=")
		if !found || !isStateKey(key) || !isStateValue(value) || len(members) == mostStateMembers {
			return ""
		}
		if !seen[key] {
			seen[key] = true
			members = append(members, member)
		}
	}
	return strings.Join(shortened(members), ",")
}

func shortened(members []string) []string {
	length := len(members) - 1
	for _, member := range members {
		length += len(member)
	}
	for i := len(members) - 1; i >= 0 && length > longestState; i-- {
		if len(members[i]) > longestStateMember {
			length -= len(members[i]) + 1
			members = append(members[:i], members[i+1:]...)
		}
	}
	for length > longestState {
		last := len(members) - 1
		length -= len(members[last]) + 1
		members = members[:last]
	}
	return members
}

func isStateKey(key string) bool {
	if key == "" || len(key) > 256 {
		return false
	}
	for i := range len(key) {
		c := key[i]
		letterOrDigit := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		if !letterOrDigit && (i == 0 || !strings.ContainsRune("_-*/@", rune(c))) {
			return false
		}
	}
	return true
}

func isStateValue(value string) bool {
	if value == "" || len(value) > 256 || value[len(value)-1] == ' ' {
		return false
	}
	for i := range len(value) {
		if c := value[i]; c < 0x20 || c > 0x7e || c == '=' {
			return false
		}
	}
	return true
}

// cleanBaggage returns the members of baggage headers as one header to send on, without those that are malformed, and
// never a part of one.
func cleanBaggage(values []string) string {
	var kept strings.Builder
	count := 0
	for member := range strings.SplitSeq(strings.Join(values, ","), ",") {
		member = strings.Trim(member, " \t")
		if !isBaggageMember(member) {
			continue
		}
		if count == mostBaggageMembers || kept.Len()+1+len(member) > longestBaggage {
			break
		}
		if count > 0 {
			kept.WriteByte(',')
		}
		kept.WriteString(member)
		count++
	}
	return kept.String()
}

func isBaggageMember(member string) bool {
	pair, _, _ := strings.Cut(member, ";")
	key, _, found := strings.Cut(pair, "=")
	key = strings.TrimRight(key, " \t")
	if !found || key == "" || strings.ContainsAny(key, " \t\"(),/:;<=>?@[\\]{}") {
		return false
	}
	for i := range len(member) {
		if c := member[i]; c < 0x20 && c != '\t' || c > 0x7e || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
