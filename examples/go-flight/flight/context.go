package flight

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// A SpanContext says which span of which trace something is, all over the world: W3C Trace Context.
type SpanContext struct {
	TraceID [16]byte
	SpanID  [8]byte
	Flags   byte
}

const (
	sampled = 0x01
	// random says that the trace id is random (level 2 of the specification).
	random = 0x02
)

// newRoot returns the context of the first span of a new trace.
func newRoot() SpanContext {
	c := SpanContext{Flags: sampled | random}
	rand.Read(c.TraceID[:]) // never fails
	rand.Read(c.SpanID[:])
	return c
}

// child returns the context of a new span in the same trace.
func (c SpanContext) child() SpanContext {
	rand.Read(c.SpanID[:])
	return c
}

// IsValid reports whether neither id is all zeros.
func (c SpanContext) IsValid() bool {
	return c.TraceID != [16]byte{} && c.SpanID != [8]byte{}
}

// String returns the context as a traceparent header has it.
func (c SpanContext) String() string {
	text := make([]byte, 0, 55)
	text = append(text, "00-"...)
	text = hex.AppendEncode(text, c.TraceID[:])
	text = append(text, '-')
	text = hex.AppendEncode(text, c.SpanID[:])
	text = append(text, '-')
	return string(hex.AppendEncode(text, []byte{c.Flags & (sampled | random)}))
}

// ParseTraceparent returns the context that the values of the traceparent header of a request give, and false if there
// is not exactly one or if it is invalid: the request then begins a new trace.
func ParseTraceparent(header []string) (SpanContext, bool) {
	var c SpanContext
	if len(header) != 1 {
		return c, false
	}
	text := strings.Trim(header[0], " \t")
	if len(text) < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-' || text != strings.ToLower(text) {
		return c, false
	}
	// Later versions may add to the end.
	var version [1]byte
	later := len(text) == 55 || text[:2] != "00" && text[55] == '-'
	ok := later && decode(version[:], text[:2]) && version[0] != 0xff &&
		decode(c.TraceID[:], text[3:35]) && decode(c.SpanID[:], text[36:52])
	var flags [1]byte
	ok = ok && decode(flags[:], text[53:55]) && c.IsValid()
	c.Flags = flags[0] & (sampled | random)
	return c, ok
}

func decode(into []byte, text string) bool {
	_, err := hex.Decode(into, []byte(text))
	return err == nil
}
