package flight

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// A Filter is a set of categories of spans. Its bits are those of the flight-recorder fork and of trace-sanitize.
type Filter uint32

// The categories.
const (
	// FilterCore is what the runtime does: scheduling, garbage collection, system calls. Stock Go records it always;
	// package flight/otlp sends its spans only with it.
	FilterCore Filter = 1 << iota
	// FilterHTTP is requests of servers and clients: [HTTP], [Transport].
	FilterHTTP
	// FilterSQL is queries: [WrapConnector].
	FilterSQL
	// FilterTLS is handshakes.
	FilterTLS
	// FilterNet is look-ups of names, and connects.
	FilterNet
	// FilterCustom is what the program adds itself: [Start], tasks, regions, logs.
	FilterCustom

	// FilterAll is all of them.
	FilterAll = FilterCore | FilterHTTP | FilterSQL | FilterTLS | FilterNet | FilterCustom
	// FilterDefault is what the fork records where nothing else is said, and what 0 stands for.
	FilterDefault = FilterCore | FilterCustom
)

// godebugKeys are the settings that turn categories on, in the order of trace-sanitize's table.
var godebugKeys = [...]struct {
	key string
	on  Filter
}{
	{"tracehttp", FilterHTTP},
	{"tracesql", FilterSQL},
	{"tracetls", FilterTLS},
	{"tracenet", FilterNet},
	{"traceall", FilterAll},
}

var filter atomic.Uint32

func init() {
	// Who wraps handlers by hand wants to see them: unless GODEBUG chooses, everything is on.
	base := FilterAll
	if setting := os.Getenv("GODEBUG"); namesCategory(setting) {
		base = FilterDefault.withGodebug(setting)
	}
	filter.Store(uint32(base))
}

// SetFilter says which categories of spans are made from now on; 0 stands for [FilterDefault]. What GODEBUG turns on stays on.
// Package flight/otlp, which finds spans in what the runtime records too, sends those categories from its next interval on;
// what is open when it changes over goes out as incomplete.
//
// Until it is called, the categories that GODEBUG names are on besides [FilterDefault] (tracehttp=1, tracesql=1,
// tracetls=1, tracenet=1, traceall=1), and all of them where it names none.
func SetFilter(f Filter) { filter.Store(uint32(f.withGodebug(os.Getenv("GODEBUG")))) }

// CurrentFilter returns which categories of spans are made.
func CurrentFilter() Filter { return Filter(filter.Load()) }

// String returns the names of its categories, separated by commas: "core,http".
func (f Filter) String() string {
	var names []string
	for i, name := range [...]string{"core", "http", "sql", "tls", "net", "custom"} {
		if f.Has(1 << i) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// Has reports whether all of these categories are in the filter.
func (f Filter) Has(categories Filter) bool { return f&categories == categories }

// withGodebug returns the filter with what a GODEBUG setting turns on. A setting turns nothing off. Values are decimal
// numbers of 32 bits; what is none leaves the value before it standing, as in the runtime.
func (f Filter) withGodebug(setting string) Filter {
	if f == 0 {
		f = FilterDefault
	}
	var on [len(godebugKeys)]bool
	for field := range strings.SplitSeq(setting, ",") {
		key, value, _ := strings.Cut(field, "=")
		for i, known := range godebugKeys {
			// ParseInt takes what the runtime takes, but for underscores, which base 10 refuses.
			if number, err := strconv.ParseInt(value, 10, 32); key == known.key && err == nil {
				on[i] = number != 0
			}
		}
	}
	for i, known := range godebugKeys {
		if on[i] {
			f |= known.on
		}
	}
	return f
}

func namesCategory(setting string) bool {
	for field := range strings.SplitSeq(setting, ",") {
		key, _, found := strings.Cut(field, "=")
		for _, known := range godebugKeys {
			if found && key == known.key {
				return true
			}
		}
	}
	return false
}

// distributed says whether contexts are sent with requests and taken from them.
var distributed atomic.Bool

func init() { distributed.Store(true) }

// EnableDistributedTracing says whether spans of several processes are joined: whether [Transport] and [Inject] send the
// context of a span on, and [HTTP] and [Extract] look at what came. It is on unless turned off.
func EnableDistributedTracing(on bool) { distributed.Store(on) }
