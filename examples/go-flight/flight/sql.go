package flight

import (
	"context"
	"errors"
	"log/slog"
	"strings"
)

func queryAttributes(system, database, query string) []slog.Attr {
	attributes := make([]slog.Attr, 0, 6)
	if system == "" {
		system = "other_sql"
	}
	attributes = append(attributes, slog.String("db.system.name", system))
	if database != "" {
		attributes = append(attributes, slog.String("db.namespace", database))
	}
	if query != "" {
		attributes = append(attributes, slog.String("db.query.text", query))
	}
	return attributes
}

func errorTypeOfQuery(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "timeout"
	}
	return errorType(err)
}

// withoutLiterals returns a query without comments, and with a ? for each literal. It knows no dialect, and takes for a literal
// what is one in any: who reads the trace does it again, and knows more. What follows an odd quote is dropped.
func withoutLiterals(query string) string {
	var kept strings.Builder
	for i := 0; i < len(query); {
		c := query[i]
		rest := query[i:]
		switch {
		case c == '\'' || c == '"':
			end, certain := endOfString(rest)
			kept.WriteByte('?')
			if !certain {
				return kept.String()
			}
			i += end
		case c == '$' && len(rest) > 1 && (rest[1] == '$' || isWord(rest[1]) && !isDigit(rest[1])):
			// A dollar quote, or what looks like one.
			kept.WriteByte('?')
			return kept.String()
		case strings.HasPrefix(rest, "--") || c == '#':
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				return kept.String()
			}
			i += end
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest, "*/")
			if end < 0 || strings.Contains(rest[2:end], "/*") {
				return kept.String()
			}
			kept.WriteByte(' ')
			i += end + 2
		case isWord(c):
			end := 1
			for end < len(rest) && (isWord(rest[end]) || isDigit(c) && rest[end] == '.') {
				end++
			}
			word := rest[:end]
			// The prefix of a string goes with it.
			isPrefix := end < len(rest) && rest[end] == '\'' && end <= 3
			placeholder := i > 0 && strings.IndexByte("$:@?", query[i-1]) >= 0 && len(word) <= 5
			switch {
			case isPrefix:
			case isDigit(c) && !placeholder, strings.EqualFold(word, "true"), strings.EqualFold(word, "false"):
				kept.WriteByte('?')
			default:
				kept.WriteString(word)
			}
			i += end
		default:
			kept.WriteByte(c)
			i++
		}
	}
	return kept.String()
}

// endOfString returns where a quoted text ends, and whether it ends there whether or not a backslash escapes.
func endOfString(text string) (int, bool) {
	quote := text[0]
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			if i+1 < len(text) && text[i+1] == quote {
				return i, false
			}
			if i+1 < len(text) && text[i+1] == '\\' {
				i++
			}
		case quote:
			if i+1 < len(text) && text[i+1] == quote {
				i++
				continue
			}
			return i + 1, true
		}
	}
	return len(text), false
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWord(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80
}
