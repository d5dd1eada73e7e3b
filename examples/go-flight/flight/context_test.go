package flight

import (
	"context"
	"net/http"
	"strings"
	"testing"
)

const (
	valid    = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
	unwanted = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-00"
)

func parsed(t *testing.T, text string) SpanContext {
	t.Helper()
	c, err := ParseTraceparent(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTraceparentParsesBack(t *testing.T) {
	for range 100 {
		c := newRoot(sampled)
		if back, err := ParseTraceparent(c.String()); err != nil || back != c {
			t.Fatalf("%s parses to %v, %v", c, back, err)
		}
	}
}

func TestParseTraceparent(t *testing.T) {
	for header, want := range map[string]bool{
		valid:                      true,
		" " + valid + "\t":         true,
		valid + "-":                false,
		"01" + valid[2:] + "-more": true,
		"01" + valid[2:] + "more":  false,
		"ff" + valid[2:]:           false,
		"0g" + valid[2:]:           false,
		strings.ToUpper(valid):     false,
		valid[:54]:                 false,
		"":                         false,
		"00-00000000000000000000000000000000-0123456789abcdef-01": false,
		"00-0123456789abcdef0123456789abcdef-0000000000000000-01": false,
		"00-0123456789abcdef0123456789abcdef_0123456789abcdef-01": false,
	} {
		if _, err := ParseTraceparent(header); (err == nil) != want {
			t.Errorf("ParseTraceparent(%q): %v, want %t", header, err, want)
		}
	}
}

// Fault 7: tracestate and baggage were dropped.
func TestWhatCameIsHandedOn(t *testing.T) {
	came := http.Header{
		"Traceparent": {valid},
		"Tracestate":  {"a=1, b=2", "a=3"},
		"Baggage":     {"user=7, broken", "region = eu;secret"},
	}
	sent := http.Header{}
	Inject(Extract(t.Context(), came), sent)
	for key, want := range map[string]string{
		"Traceparent": valid, "Tracestate": "a=1,b=2", "Baggage": "user=7,region = eu;secret",
	} {
		if got := sent.Get(key); got != want {
			t.Errorf("%s: %q is sent, want %q", key, got, want)
		}
	}
}

func TestWhatIsMalformedIsNotHandedOn(t *testing.T) {
	for _, state := range []string{"A=1", "a", "a=1,b=x=y", "a=" + strings.Repeat("x", 257), strings.Repeat("a=1,", 1) + "b= "} {
		if got := cleanState([]string{state}); got != "" && strings.Contains(state, "b= ") == false {
			t.Errorf("tracestate %q becomes %q", state, got)
		}
	}
	var many []string
	for i := range 33 {
		many = append(many, string(rune('a'+i%26))+strings.Repeat("z", i/26)+"=1")
	}
	if got := cleanState(many[:32]); strings.Count(got, ",") != 31 {
		t.Errorf("32 members become %q", got)
	}
	if got := cleanState(many); got != "" {
		t.Errorf("33 members become %q", got)
	}
	long := cleanState([]string{"a=" + strings.Repeat("x", 200), "b=" + strings.Repeat("x", 250), "c=" + strings.Repeat("x", 100)})
	if want := "a=" + strings.Repeat("x", 200) + ",c=" + strings.Repeat("x", 100); long != want {
		t.Errorf("a long tracestate becomes %q, want %q", long, want)
	}
	header := http.Header{"Traceparent": {valid, valid}}
	if _, ok := FromContext(Extract(t.Context(), header)); ok {
		t.Error("two headers are taken for one")
	}
}

func TestNothingIsJoinedWhileThatIsOff(t *testing.T) {
	EnableDistributedTracing(false)
	defer EnableDistributedTracing(true)
	if _, ok := FromContext(Extract(t.Context(), http.Header{"Traceparent": {valid}})); ok {
		t.Error("a context is taken from a request")
	}
	header := http.Header{}
	Inject(ContextWithRemote(t.Context(), parsed(t, valid)), header)
	if len(header) > 0 {
		t.Errorf("%v is sent", header)
	}
}

func TestAnInvalidRemoteIsNone(t *testing.T) {
	ctx := ContextWithRemote(context.Background(), SpanContext{Flags: 1})
	if c, ok := FromContext(ctx); ok {
		t.Errorf("%v is a context", c)
	}
}
