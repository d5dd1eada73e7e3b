package convert

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Signal is what kind of records a batch has.
type Signal int

// The signals of OpenTelemetry, but for profiles.
const (
	Traces Signal = iota + 1
	Metrics
	Logs
)

// String returns the signal's name as the paths of OTLP/HTTP have it.
func (s Signal) String() string {
	switch s {
	case Traces:
		return "traces"
	case Metrics:
		return "metrics"
	case Logs:
		return "logs"
	}
	return fmt.Sprintf("Signal(%d)", int(s))
}

// A Batch is an OTLP export request.
type Batch struct {
	Signal  Signal
	Records int
	Bytes   []byte
}

// Options say how a [Converter] reads, maps and encodes. The zero value is good, but for Ratio.
type Options struct {
	// Environ are the program's environment variables, of which OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME count.
	Environ []string
	// Resource are attributes of the resource, which win over those of the environment.
	Resource map[string]string
	// JSON says that batches are written in OTLP's JSON encoding, not in its binary one.
	JSON bool
	// Ratio is the share of traces that become batches, from 0 to 1.
	Ratio float64
	// Keep are the kinds of spans that are handed on, as package flight names them, separated by commas; empty: all.
	Keep string
	// Logs and Metrics say whether there are batches of them.
	Logs, Metrics bool
	// MaxGenerationBytes is how large a generation of a trace may be; 0 is a quarter of MaxMemory.
	MaxGenerationBytes int64
	// MaxMemory bounds the converter's memory, in bytes; 0 is 256 MiB.
	MaxMemory int64
}

const defaultMaxMemory = 256 << 20

// pieceSize is how much the module is given at once: little enough for its memory to stay small.
const pieceSize = 64 << 10

// A converter that failed is made anew, unless it did so maxTraps times in trapWindow: then something is wrong with it for
// good, and what it costs is spared.
const (
	maxTraps   = 3
	trapWindow = time.Minute
)

// ErrGivenUp is the error of a [Converter] that has failed too often.
var ErrGivenUp = errors.New("convert: the converter failed too often and was given up")

// A Converter takes the bytes of traces, one trace after the other, and hands on batches as they are finished. Snapshots of
// one process may overlap: what they share becomes batches once, and spans go over them. It is for one goroutine at a time.
type Converter struct {
	options   Options
	settings  string
	maxMemory int64
	emit      func(Batch)
	now       func() time.Time

	instance *instance // nil after a trap
	spans    uint64
	// refused is why the rest of the trace is passed over.
	refused error
	// traps are the times of the last traps.
	traps     []time.Time
	trapsSeen uint64
}

// New returns a converter that hands batches to emit, within calls of its methods. A malformed OTEL_RESOURCE_ATTRIBUTES is
// left out, as OpenTelemetry's specification says, and told in warning.
func New(options Options, emit func(Batch)) (c *Converter, warning string, err error) {
	if options.MaxMemory == 0 {
		options.MaxMemory = defaultMaxMemory
	}
	if options.MaxGenerationBytes == 0 {
		options.MaxGenerationBytes = options.MaxMemory / 4
	}
	c = &Converter{options: options, settings: options.settings(), maxMemory: options.MaxMemory, emit: emit, now: time.Now}
	c.instance, warning, err = newInstance(c.settings, c.maxMemory)
	if err != nil {
		return nil, "", err
	}
	return c, warning, nil
}

// settings returns the options as the module reads them.
func (o Options) settings() string {
	var text strings.Builder
	set := func(name, value string) {
		text.WriteString(name + "=" + strings.ReplaceAll(value, "\x00", "") + "\x00")
	}
	for _, variable := range o.Environ {
		if name, value, _ := strings.Cut(strings.ToValidUTF8(variable, "\uFFFD"), "="); name == "OTEL_RESOURCE_ATTRIBUTES" || name == "OTEL_SERVICE_NAME" {
			set(name, value)
		}
	}
	var attributes []string
	for key, value := range o.Resource {
		attributes = append(attributes, percentEncode(key)+"="+percentEncode(value))
	}
	slices.Sort(attributes)
	set("resource", strings.Join(attributes, ","))
	if o.JSON {
		set("encoding", "json")
	}
	set("ratio", strconv.FormatFloat(o.Ratio, 'g', -1, 64))
	if o.Keep != "" {
		set("keep", o.Keep)
	}
	set("logs", strconv.FormatBool(o.Logs))
	set("metrics", strconv.FormatBool(o.Metrics))
	set("max-generation-bytes", strconv.FormatInt(o.MaxGenerationBytes, 10))
	return text.String()
}

// percentEncode writes a text as the members of OTEL_RESOURCE_ATTRIBUTES have it.
func percentEncode(text string) string {
	// As in a query, but for blanks.
	return strings.ReplaceAll(url.QueryEscape(strings.ToValidUTF8(text, "\uFFFD")), "+", "%20")
}

// Write takes the next bytes of a trace. After an error, the rest of the trace is passed over with the same error, until
// [Converter.EndTrace].
func (c *Converter) Write(p []byte) (int, error) {
	written := 0
	for piece := range slices.Chunk(p, pieceSize) {
		if err := c.do(func(i *instance) error { return i.feed(piece) }); err != nil {
			return written, err
		}
		written += len(piece)
	}
	return written, nil
}

// EndTrace says that the trace is complete, and hands on what is finished, even if that makes small batches. Spans that are
// open stay so. It returns the error of the trace, whether Write has returned it or not.
func (c *Converter) EndTrace() error {
	refused := c.refused
	c.refused = nil
	if c.instance == nil {
		return refused
	}
	ended := c.do((*instance).endTrace)
	c.refused = nil
	if c.instance == nil {
		return ended
	}
	flushed := c.do((*instance).flush)
	c.refused = nil
	for _, err := range []error{refused, ended, flushed} {
		if err != nil {
			return err
		}
	}
	return nil
}

// Flush hands on what is finished, even if that makes small batches, within a trace.
func (c *Converter) Flush() error { return c.do((*instance).flush) }

// Finish ends the trace and the process: what is open is handed on as incomplete.
func (c *Converter) Finish() error {
	c.refused = nil
	if c.instance == nil {
		return nil
	}
	return c.do((*instance).finish)
}

// Keep says which kinds of spans are handed on of the traces to come. The module reads its settings once: it is another
// instance that goes on, which knows nothing of the traces before. What is open is handed on as incomplete.
func (c *Converter) Keep(kinds string) error {
	err := c.Finish()
	c.options.Keep = kinds
	c.settings = c.options.settings()
	c.instance, c.refused = nil, nil
	return err
}

// Spans returns how many spans the batches hold so far.
func (c *Converter) Spans() uint64 { return c.spans }

// Traps returns how often the converter has failed.
func (c *Converter) Traps() uint64 { return c.trapsSeen }

// Memory returns how much memory the converter has, in bytes.
func (c *Converter) Memory() int64 {
	if c.instance == nil {
		return 0
	}
	return c.instance.memory()
}

// Losses returns what the converter has lost or left out: a line "COUNT WHAT" for each kind. It is empty where nothing was.
func (c *Converter) Losses() string {
	if c.instance == nil {
		return ""
	}
	text, err := c.instance.text(c.instance.module.Xsession_losses)
	c.trapped(err)
	return text
}

// do has the module do something, and hands on the batches that it has made.
func (c *Converter) do(call func(*instance) error) error {
	if c.refused != nil {
		return c.refused
	}
	if err := c.revive(); err != nil {
		c.refused = err
		return err
	}
	err := c.trapped(call(c.instance))
	for c.instance != nil {
		batch, batchErr := c.instance.nextBatch()
		if batchErr != nil {
			err = c.trapped(batchErr)
			break
		}
		if batch == nil {
			break
		}
		if batch.Signal == Traces {
			c.spans += uint64(batch.Records)
		}
		c.emit(*batch)
	}
	c.refused = err
	return err
}

// revive makes a new instance where the one before has trapped.
func (c *Converter) revive() error {
	if c.instance != nil {
		return nil
	}
	if len(c.traps) == maxTraps {
		return ErrGivenUp
	}
	instance, _, err := newInstance(c.settings, c.maxMemory)
	if err != nil {
		return c.trapped(err)
	}
	c.instance = instance
	return nil
}

// trapped throws the instance away if err says that it has trapped: nothing is known of what it is like then.
func (c *Converter) trapped(err error) error {
	var trap *Trap
	if !errors.As(err, &trap) && !errors.Is(err, errAddress) {
		return err
	}
	c.instance = nil
	c.trapsSeen++
	now := c.now()
	c.traps = slices.DeleteFunc(c.traps, func(at time.Time) bool { return now.Sub(at) > trapWindow })
	c.traps = append(c.traps, now)
	return err
}
