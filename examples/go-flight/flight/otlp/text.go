package otlp

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"example.com/go-flight/internal/convert"
)

// deepest is the depth at which deeper spans are shown: the output would grow with the square of the depth.
const deepest = 32

// longestText is how many characters are shown of a text that the program chose.
const longestText = 160

// A tree is an answer for people: a line for each span, below the one that it is part of.
type tree struct {
	spans []*treeSpan
	// ranges are what the runtime did for itself, of which only the number is shown.
	ranges int
}

type treeSpan struct {
	trace, id, parent string
	start, end        uint64 // in nanoseconds since 1970
	kind, name, notes string
	events            []treeEvent
	children          []*treeSpan
	isShown           bool
}

type treeEvent struct {
	time uint64
	text string
}

// add reads a request in OTLP's JSON.
func (t *tree) add(batch convert.Batch) error {
	var request jsonRequest
	if err := json.Unmarshal(batch.Bytes, &request); err != nil {
		return err
	}
	for _, resource := range request.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			if scope.Scope.Name == "gotrace.range" {
				t.ranges += len(scope.Spans)
				continue
			}
			for i := range scope.Spans {
				t.spans = append(t.spans, scope.Spans[i].shown(scope.Scope.Name))
			}
		}
	}
	return nil
}

// The parts of OTLP's JSON that a tree shows.
type (
	jsonRequest struct {
		ResourceSpans []struct {
			ScopeSpans []struct {
				Scope struct{ Name string }
				Spans []jsonSpan
			}
		}
	}
	jsonSpan struct {
		TraceID, SpanID, ParentSpanID string
		Name                          string
		Kind                          int
		StartTimeUnixNano             uint64 `json:",string"`
		EndTimeUnixNano               uint64 `json:",string"`
		Attributes                    jsonAttributes
		Events                        []struct {
			TimeUnixNano uint64 `json:",string"`
			Name         string
			Attributes   jsonAttributes
		}
		Status struct{ Code int }
	}
	jsonAttributes []struct {
		Key   string
		Value map[string]any
	}
)

// get returns an attribute as text, and nothing where there is none.
func (a jsonAttributes) get(key string) string {
	for _, attribute := range a {
		if attribute.Key == key {
			for _, value := range attribute.Value {
				return fmt.Sprint(value)
			}
		}
	}
	return ""
}

// OTLP's numbers.
const (
	kindServer  = 2
	kindClient  = 3
	statusError = 2
)

func (s *jsonSpan) shown(scope string) *treeSpan {
	kind := printable(scope[strings.LastIndexByte(scope, '.')+1:])
	switch s.Kind {
	case kindServer:
		kind = "server"
	case kindClient:
		if kind == "http" || kind == "task" {
			kind = "client"
		}
	}
	var notes strings.Builder
	if s.Status.Code == statusError {
		notes.WriteString(" error")
		if what := s.Attributes.get("error.type"); what != "" {
			notes.WriteString(": " + printable(what))
		}
	}
	if missing := s.Attributes.get("gotrace.incomplete"); missing != "" {
		notes.WriteString(" (" + printable(missing) + " not recorded)")
	}
	for _, key := range []string{"url.full", "url.path", "http.response.status_code", "db.query.text"} {
		if value := s.Attributes.get(key); value != "" {
			notes.WriteString(" " + printable(value))
		}
	}
	if goroutine := s.Attributes.get("gotrace.goroutine.id"); goroutine != "" {
		notes.WriteString("  g" + goroutine)
	}
	span := &treeSpan{
		trace: s.TraceID, id: s.SpanID, parent: s.ParentSpanID, start: s.StartTimeUnixNano, end: s.EndTimeUnixNano,
		kind: kind, name: printable(s.Name), notes: notes.String(),
	}
	for _, event := range s.Events {
		text := printable(event.Name)
		for i := range event.Attributes {
			text += ": " + printable(event.Attributes[i:].get(event.Attributes[i].Key))
		}
		span.events = append(span.events, treeEvent{event.TimeUnixNano, text})
	}
	return span
}

// write shows all there is, in the order of their starts.
func (t *tree) write(w io.Writer) {
	type key struct{ trace, id string }
	byID := make(map[key]*treeSpan, len(t.spans))
	for _, span := range t.spans {
		byID[key{span.trace, span.id}] = span
	}
	slices.SortStableFunc(t.spans, func(a, b *treeSpan) int { return cmp.Compare(a.start, b.start) })
	traces := map[string]bool{}
	var roots []*treeSpan
	for _, span := range t.spans {
		traces[span.trace] = true
		if parent := byID[key{span.trace, span.parent}]; parent != nil && parent != span {
			parent.children = append(parent.children, span)
		} else {
			roots = append(roots, span)
		}
	}
	// Contexts that a program made up may go round in a circle, to which no root leads.
	for _, span := range append(roots, t.spans...) {
		span.write(w, nil)
	}
	if t.ranges > 0 {
		fmt.Fprintf(w, "%s of the runtime\n", count(t.ranges, "range"))
	}
	fmt.Fprintf(w, "%s in %s\n", count(len(t.spans), "span"), count(len(traces), "trace"))
}

// write shows a span and what hangs below it; of each span above, isLast says whether the line hangs below its parent's last one.
func (s *treeSpan) write(w io.Writer, isLast []bool) {
	if s.isShown {
		return
	}
	s.isShown = true
	fmt.Fprintf(w, "%s %8s %-6s %s%s%s\n", timeOfDay(s.start), shortDuration(max(s.end, s.start)-s.start), s.kind, branches(isLast), s.name, s.notes)
	events, children := s.events, s.children
	for len(events)+len(children) > 0 {
		below := isLast
		if len(isLast) < deepest {
			below = append(slices.Clip(isLast), len(events)+len(children) == 1)
		}
		if len(children) == 0 || len(events) > 0 && events[0].time <= children[0].start {
			fmt.Fprintf(w, "%s %8s %-6s %s%s\n", timeOfDay(events[0].time), "", "log", branches(below), events[0].text)
			events = events[1:]
		} else {
			children[0].write(w, below)
			children = children[1:]
		}
	}
}

func branches(isLast []bool) string {
	var text strings.Builder
	for i, last := range isLast {
		switch {
		case i < len(isLast)-1 && last:
			text.WriteString("   ")
		case i < len(isLast)-1:
			text.WriteString("│  ")
		case last:
			text.WriteString("└─ ")
		default:
			text.WriteString("├─ ")
		}
	}
	return text.String()
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func timeOfDay(nanoseconds uint64) string {
	return time.Unix(0, int64(nanoseconds)).UTC().Format("15:04:05.000000")
}

// shortDuration has three digits and a unit.
func shortDuration(nanoseconds uint64) string {
	for _, unit := range []struct {
		size uint64
		name string
	}{{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}} {
		// What three digits would round up to 1 of a unit is of that unit.
		if nanoseconds < unit.size-unit.size/2000 {
			continue
		}
		value := float64(nanoseconds) / float64(unit.size)
		switch {
		case value < 9.995:
			return fmt.Sprintf("%.2f %s", value, unit.name)
		case value < 99.95:
			return fmt.Sprintf("%.1f %s", value, unit.name)
		}
		return fmt.Sprintf("%.0f %s", value, unit.name)
	}
	return fmt.Sprintf("%d ns", nanoseconds)
}

// printable returns a text without what could steer a terminal or hide in it, and cut where it would fill the screen.
func printable(text string) string {
	var shown strings.Builder
	length := 0
	for _, r := range text {
		if length == longestText {
			shown.WriteString("…")
			break
		}
		length++
		switch {
		case r == '\n':
			shown.WriteString(`\n`)
		case r == '\t':
			shown.WriteString(`\t`)
		case unicode.IsPrint(r):
			shown.WriteRune(r)
		default:
			fmt.Fprintf(&shown, `\u{%x}`, r)
		}
	}
	return shown.String()
}
