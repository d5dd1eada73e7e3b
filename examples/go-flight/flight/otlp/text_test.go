package otlp

import (
	"strconv"
	"strings"
	"testing"

	"example.com/go-flight/internal/convert"
)

// spans are two requests in OTLP's JSON, whose spans come in the order of their ends, as they are finished.
var spans = []string{
	`{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{"name":"gotrace.http"},"spans":[
		{"traceId":"01","spanId":"0c","parentSpanId":"0a","name":"POST","kind":3,"status":{"code":2},
		 "startTimeUnixNano":"1795446245001000000","endTimeUnixNano":"1795446245004000000","attributes":[
			{"key":"error.type","value":{"stringValue":"503"}},{"key":"url.full","value":{"stringValue":"http://pay.example/charge"}},
			{"key":"gotrace.goroutine.id","value":{"intValue":"8"}}]}]},
	 {"scope":{"name":"gotrace.region"},"spans":[
		{"traceId":"01","spanId":"0d","parentSpanId":"0a","name":"a\nb\u001b[31m\u202e","kind":1,
		 "startTimeUnixNano":"1795446245008500000","endTimeUnixNano":"1795446245009000000",
		 "attributes":[{"key":"gotrace.incomplete","value":{"stringValue":"end"}}],
		 "events":[{"timeUnixNano":"1795446245008600000","name":"cache","attributes":[{"key":"message","value":{"stringValue":"miss"}}]}]}]}]}]}`,
	`{"resourceSpans":[{"scopeSpans":[{"scope":{"name":"gotrace.task"},"spans":[
		{"traceId":"01","spanId":"0a","parentSpanId":"77","name":"GET /orders/{id}","kind":2,
		 "startTimeUnixNano":"1795446245000000000","endTimeUnixNano":"1795446245010000000",
		 "attributes":[{"key":"http.response.status_code","value":{"intValue":"200"}}]}]},
	 {"scope":{"name":"gotrace.range"},"spans":[{"traceId":"03","spanId":"01","name":"GC mark assist"}]},
	 {"scope":{"name":"gotrace.region"},"spans":[
		{"traceId":"02","spanId":"01","parentSpanId":"02","name":"round","startTimeUnixNano":"5","endTimeUnixNano":"4"},
		{"traceId":"02","spanId":"02","parentSpanId":"01","name":"and round","startTimeUnixNano":"6","endTimeUnixNano":"7"}]}]}]}`,
}

func TestText(t *testing.T) {
	var tree tree
	for _, request := range spans {
		if err := tree.add(convert.Batch{Bytes: []byte(request)}); err != nil {
			t.Fatal(err)
		}
	}
	var shown strings.Builder
	tree.write(&shown)
	want := `15:04:05.000000  10.0 ms server GET /orders/{id} 200
15:04:05.001000  3.00 ms client ├─ POST error: 503 http://pay.example/charge  g8
15:04:05.008500   500 µs region └─ a\nb\u{1b}[31m\u{202e} (end not recorded)
15:04:05.008600          log       └─ cache: miss
00:00:00.000000     0 ns region round
00:00:00.000000     1 ns region └─ and round
1 range of the runtime
5 spans in 2 traces
`
	if shown.String() != want {
		t.Errorf("got\n%swant\n%s", &shown, want)
	}
}

func TestTextOfDeepTreesIsBounded(t *testing.T) {
	var tree tree
	const depth = 10_000
	for i := range depth {
		span := &treeSpan{trace: "1", id: strconv.Itoa(i), parent: strconv.Itoa(i - 1), start: uint64(i)}
		tree.spans = append(tree.spans, span)
	}
	var shown strings.Builder
	tree.write(&shown)
	if lines := strings.Count(shown.String(), "\n"); lines != depth+1 || shown.Len() > depth*(60+deepest*5) {
		t.Errorf("%d lines, %d bytes", lines, shown.Len())
	}
}

func TestShortDuration(t *testing.T) {
	for nanoseconds, want := range map[uint64]string{
		0: "0 ns", 999: "999 ns", 1_000: "1.00 µs", 9_996: "10.0 µs", 99_960: "100 µs", 999_600: "1.00 ms", 59_900_000_000: "59.9 s",
	} {
		if got := shortDuration(nanoseconds); got != want {
			t.Errorf("%d: %s, want %s", nanoseconds, got, want)
		}
	}
}
