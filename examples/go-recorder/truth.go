package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

// A truth tells what the program did while it was recorded.
type truth struct {
	mu sync.Mutex
	// open holds each goroutine's open regions, outermost first.
	open map[uint64][]*regionTruth

	Scenario  string          `json:"scenario"`
	GoVersion string          `json:"go_version"`
	Files     []string        `json:"files"`
	Recording *span           `json:"recording,omitempty"`
	Flight    *span           `json:"flight_recorder,omitempty"`
	Snapshots []snapshotTruth `json:"snapshots,omitempty"`
	Tasks     []*taskTruth    `json:"tasks,omitempty"`
	Regions   []*regionTruth  `json:"regions,omitempty"`
	Logs      []logTruth      `json:"logs,omitempty"`
}

// A window bounds the moment of an event by the wall clock just before and
// just after the call that caused it, in nanoseconds of the Unix epoch.
type window struct {
	After  int64 `json:"after"`
	Before int64 `json:"before"`
}

// A span has a begin, an end, or both: nil is what the recording cannot hold.
type span struct {
	Begin *window `json:"begin"`
	End   *window `json:"end"`
}

// A taskTruth has an ID of our own: the runtime keeps its task ids to itself.
type taskTruth struct {
	ID             int    `json:"id"`
	Parent         int    `json:"parent,omitempty"`
	Name           text   `json:"name"`
	BeginGoroutine uint64 `json:"begin_goroutine,omitempty"`
	EndGoroutine   uint64 `json:"end_goroutine,omitempty"`
	span
	// MoreEnds are further calls to End, which the runtime records as well.
	MoreEnds []*window `json:"more_ends,omitempty"`
}

type regionTruth struct {
	ID   int  `json:"id"`
	Task int  `json:"task,omitempty"`
	Name text `json:"name"`
	// Enclosing is the innermost region open on the goroutine at the begin.
	Enclosing      int    `json:"enclosing,omitempty"`
	BeginGoroutine uint64 `json:"begin_goroutine,omitempty"`
	EndGoroutine   uint64 `json:"end_goroutine,omitempty"`
	span
}

type logTruth struct {
	Task int `json:"task,omitempty"`
	// Region is the innermost region open on the goroutine, whatever its task.
	Region    int     `json:"region,omitempty"`
	Goroutine uint64  `json:"goroutine"`
	Category  text    `json:"category"`
	Message   text    `json:"message"`
	At        *window `json:"at"`
}

// A snapshotTruth is one FlightRecorder.WriteTo: the file holds what happened
// until some moment within the call.
type snapshotTruth struct {
	File    string  `json:"file"`
	Written *window `json:"written"`
}

// A text is any bytes; those that are no UTF-8 are {"base64": "…"} in JSON.
type text string

func (t text) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return json.Marshal(string(t))
	}
	return json.Marshal(map[string]string{"base64": base64.StdEncoding.EncodeToString([]byte(t))})
}

func newTruth(scenario string) *truth {
	return &truth{
		open:      map[uint64][]*regionTruth{},
		Scenario:  scenario,
		GoVersion: runtime.Version(),
	}
}

// measure runs call and returns the window it ran in.
func measure(call func()) *window {
	after := time.Now().UnixNano()
	call()
	return &window{After: after, Before: time.Now().UnixNano()}
}

func (t *truth) addFile(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Files = append(t.Files, filepath.Base(name))
}

func (t *truth) addSnapshot(name string, written *window) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Snapshots = append(t.Snapshots, snapshotTruth{File: filepath.Base(name), Written: written})
}

func (t *truth) beginTask(parent *taskTruth, name string, begin *window) *taskTruth {
	t.mu.Lock()
	defer t.mu.Unlock()
	task := &taskTruth{
		ID: len(t.Tasks) + 1, Parent: parent.id(), Name: text(name),
		BeginGoroutine: goroutineID(), span: span{Begin: begin},
	}
	t.Tasks = append(t.Tasks, task)
	return task
}

func (t *truth) endTask(task *taskTruth, end *window) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if task.End != nil {
		task.MoreEnds = append(task.MoreEnds, end)
		return
	}
	task.End, task.EndGoroutine = end, goroutineID()
}

func (t *truth) beginRegion(task *taskTruth, name string, begin *window) *regionTruth {
	t.mu.Lock()
	defer t.mu.Unlock()
	goroutine := goroutineID()
	region := &regionTruth{
		ID: len(t.Regions) + 1, Task: task.id(), Name: text(name),
		Enclosing: t.innermost(goroutine), BeginGoroutine: goroutine, span: span{Begin: begin},
	}
	t.Regions = append(t.Regions, region)
	t.open[goroutine] = append(t.open[goroutine], region)
	return region
}

// endRegion closes the region where it is open: regions of one goroutine nest,
// and one that ends on a foreign goroutine stays open on its own.
func (t *truth) endRegion(region *regionTruth, end *window) {
	t.mu.Lock()
	defer t.mu.Unlock()
	region.End, region.EndGoroutine = end, goroutineID()
	stack := t.open[region.EndGoroutine]
	if n := len(stack); n > 0 && stack[n-1] == region {
		t.open[region.EndGoroutine] = stack[:n-1]
	}
}

func (t *truth) log(task *taskTruth, category, message string, at *window) {
	t.mu.Lock()
	defer t.mu.Unlock()
	goroutine := goroutineID()
	t.Logs = append(t.Logs, logTruth{
		Task: task.id(), Region: t.innermost(goroutine), Goroutine: goroutine,
		Category: text(category), Message: text(message), At: at,
	})
}

// forgetBeginnings drops what happened so far from the truth: it was before
// the recording, which will hold only the ends of what is open now.
func (t *truth) forgetBeginnings() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, task := range t.Tasks {
		task.Begin, task.BeginGoroutine = nil, 0
	}
	for _, region := range t.Regions {
		region.Begin, region.BeginGoroutine = nil, 0
	}
	t.Logs = nil
}

func (t *truth) innermost(goroutine uint64) int {
	if stack := t.open[goroutine]; len(stack) > 0 {
		return stack[len(stack)-1].ID
	}
	return 0
}

func (t *taskTruth) id() int {
	if t == nil {
		return 0
	}
	return t.ID
}

// goroutineID reads the number off the first line of a stack trace, "goroutine
// 7 [running]:", since Go tells it nowhere else and the trace uses the same.
func goroutineID() uint64 {
	var line [64]byte
	fields := bytes.Fields(line[:runtime.Stack(line[:], false)])
	id, err := strconv.ParseUint(string(fields[1]), 10, 64)
	if err != nil {
		panic("the runtime's stack traces have a new first line: " + string(line[:]))
	}
	return id
}

func (t *truth) write(name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	encoded, err := json.MarshalIndent(t, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(encoded, '\n'), 0o644)
}
