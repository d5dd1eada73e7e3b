package flight

import (
	"context"
	"log/slog"
	"math"
	"runtime/trace"
	"slices"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

// What is said of a span goes into the execution trace as logs of these categories, whose messages are JSON objects:
// docs/span-logs.md of the repository.
const (
	// ofTask says something of the task that the log is in.
	ofTask = "otel.span"
	// ofRegion says something of the innermost region of the goroutine that is in the task.
	ofRegion = "otel.region"
)

const (
	// longestMessage is what the runtime cuts a log's message to.
	longestMessage = 1024
	// longestText is how much of a text is kept, so that it fits into a message with its key.
	longestText = 512
	// longestKey is the same of a key.
	longestKey = 128
	// mostAttributes bounds what is kept of one span.
	mostAttributes = 128
)

// A saying is put together as logs of one category: several where one is too short.
type saying struct {
	text         []byte
	inAttributes bool
}

var sayings = sync.Pool{New: func() any { return &saying{text: make([]byte, 0, longestMessage)} }}

func newSaying() *saying {
	s := sayings.Get().(*saying)
	s.text, s.inAttributes = append(s.text[:0], '{'), false
	return s
}

// field adds one of the fields that the format knows. All of them together fit into one message, and come first.
func (s *saying) field(key, value string) {
	s.key(key)
	s.text = appendQuoted(s.text, value, longestText/2)
}

func (s *saying) context(key string, c SpanContext) {
	s.key(key)
	s.text = append(s.text, '"')
	s.text = c.append(s.text)
	s.text = append(s.text, '"')
}

func (s *saying) number(key string, value int64) {
	s.key(key)
	s.text = strconv.AppendInt(s.text, value, 10)
}

func (s *saying) key(key string) {
	if s.text[len(s.text)-1] != '{' {
		s.text = append(s.text, ',')
	}
	s.text = appendQuoted(s.text, key, longestKey)
	s.text = append(s.text, ':')
}

// attribute adds an attribute, in a message of its own where this one is full.
func (s *saying) attribute(ctx context.Context, category, key string, value slog.Value) {
	const closing = len("}}")
	before, wasInAttributes := len(s.text), s.inAttributes
	s.putAttribute(key, value)
	if len(s.text)+closing <= longestMessage {
		return
	}
	s.text = s.text[:before]
	s.inAttributes = wasInAttributes
	s.log(ctx, category)
	s.putAttribute(key, value)
}

func (s *saying) putAttribute(key string, value slog.Value) {
	if !s.inAttributes {
		s.key("attributes")
		s.text = append(s.text, '{')
		s.inAttributes = true
	}
	s.key(key)
	s.text = appendValue(s.text, value)
}

// messageOf returns one message with a name and as many attributes as fit.
func messageOf(name string, attributes []slog.Attr) string {
	s := newSaying()
	defer sayings.Put(s)
	s.field("name", name)
	for _, attribute := range attributes {
		before, wasInAttributes := len(s.text), s.inAttributes
		if s.putAttribute(attribute.Key, attribute.Value); len(s.text)+len("}}") > longestMessage {
			s.text, s.inAttributes = s.text[:before], wasInAttributes
		}
	}
	if s.inAttributes {
		s.text = append(s.text, '}')
	}
	return string(append(s.text, '}'))
}

// log writes what there is, if there is anything, and begins anew.
func (s *saying) log(ctx context.Context, category string) {
	if len(s.text) > 1 {
		if s.inAttributes {
			s.text = append(s.text, '}')
		}
		trace.Log(ctx, category, string(append(s.text, '}')))
	}
	s.text, s.inAttributes = append(s.text[:0], '{'), false
}

// end writes what there is. The saying is another's then.
func (s *saying) end(ctx context.Context, category string) {
	s.log(ctx, category)
	sayings.Put(s)
}

// settled returns attributes that no code of the program's has to be asked about any more.
func settled(attributes []slog.Attr) []slog.Attr {
	isSettled := func(a slog.Attr) bool {
		kind := a.Value.Kind()
		return kind != slog.KindAny && kind != slog.KindLogValuer && kind != slog.KindGroup
	}
	i := 0
	for i < len(attributes) && isSettled(attributes[i]) {
		i++
	}
	if i == len(attributes) {
		return attributes
	}
	attributes = slices.Clone(attributes)
	for ; i < len(attributes); i++ {
		value := attributes[i].Value.Resolve()
		switch value.Kind() {
		case slog.KindGroup:
			value = slog.GroupValue(settled(value.Group())...)
		case slog.KindAny:
			value = slog.StringValue(value.String())
		}
		attributes[i].Value = value
	}
	return attributes
}

// attributes adds attributes, those of groups under the group's key and a dot.
func (s *saying) attributes(ctx context.Context, category, prefix string, attributes []slog.Attr) {
	for _, attribute := range attributes {
		value := attribute.Value.Resolve()
		if value.Kind() == slog.KindGroup {
			inner := prefix
			if attribute.Key != "" {
				inner += attribute.Key + "."
			}
			s.attributes(ctx, category, inner, value.Group())
		} else if attribute.Key != "" {
			s.attribute(ctx, category, prefix+attribute.Key, value)
		}
	}
}

func appendValue(text []byte, value slog.Value) []byte {
	switch value.Kind() {
	case slog.KindInt64:
		return strconv.AppendInt(text, value.Int64(), 10)
	case slog.KindUint64:
		if number := value.Uint64(); number <= math.MaxInt64 {
			return strconv.AppendUint(text, number, 10)
		}
	case slog.KindBool:
		return strconv.AppendBool(text, value.Bool())
	case slog.KindFloat64:
		// JSON knows no infinity.
		if number := value.Float64(); !math.IsNaN(number) && !math.IsInf(number, 0) {
			return appendFloat(text, number)
		}
	case slog.KindDuration:
		// In seconds, as OpenTelemetry has them.
		return appendFloat(text, value.Duration().Seconds())
	case slog.KindTime:
		return appendQuoted(text, value.Time().Format(time.RFC3339Nano), longestText)
	}
	return appendQuoted(text, value.String(), longestText)
}

// appendFloat writes a number so that it is no whole number to who reads it.
func appendFloat(text []byte, number float64) []byte {
	before := len(text)
	text = strconv.AppendFloat(text, number, 'g', -1, 64)
	for _, c := range text[before:] {
		if c == '.' || c == 'e' {
			return text
		}
	}
	return append(text, ".0"...)
}

// isPlain reports whether a text stands in JSON as it is.
func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// appendQuoted writes a text as JSON has it, and at most so many bytes of it.
func appendQuoted(text []byte, value string, most int) []byte {
	const digits = "0123456789abcdef"
	text = append(text, '"')
	if len(value) <= most && isPlain(value) {
		text = append(text, value...)
		return append(text, '"')
	}
	begin := len(text)
	for i := 0; i < len(value); {
		if len(text)-begin >= most {
			text = append(text, "…"...)
			break
		}
		c := value[i]
		switch {
		case c == '"' || c == '\\':
			text = append(text, '\\', c)
		case c < ' ':
			text = append(text, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		case c < utf8.RuneSelf:
			text = append(text, c)
		default:
			r, size := utf8.DecodeRuneInString(value[i:])
			text = utf8.AppendRune(text, r)
			i += size
			continue
		}
		i++
	}
	return append(text, '"')
}
