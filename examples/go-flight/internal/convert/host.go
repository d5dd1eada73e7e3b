package convert

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"example.com/go-flight/internal/convert/module"
)

// host is what the module asks of its surroundings: of WASI, preview 1, those functions that Rust's standard library
// imports. The module has no environment and no files; what it prints is what it says of a panic.
type host struct {
	memory module.Memory
	// panic is the last that the module printed.
	panic []byte
}

// The numbers of errors, WASI's errno.
const (
	success = 0
	badFile = 8
	fault   = 21
)

// maxPanic is how much is kept of what the module prints.
const maxPanic = 4 << 10

// Init is called by the module with itself.
func (h *host) Init(m any) {
	h.memory = m.(interface{ Xmemory() module.Memory }).Xmemory()
}

// bytes returns a part of the module's memory, and false if there is no such part.
func (h *host) bytes(address, length uint32) ([]byte, bool) {
	memory := *h.memory.Slice()
	end := uint64(address) + uint64(length)
	if end > uint64(len(memory)) {
		return nil, false
	}
	return memory[address:end:end], true
}

func (h *host) putUint32(address int32, value uint32) int32 {
	at, ok := h.bytes(uint32(address), 4)
	if !ok {
		return fault
	}
	binary.LittleEndian.PutUint32(at, value)
	return success
}

// Xrandom_get fills a buffer with random bytes: without them who chooses trace ids could choose such as collide.
func (h *host) Xrandom_get(address, length int32) int32 {
	at, ok := h.bytes(uint32(address), uint32(length))
	if !ok {
		return fault
	}
	rand.Read(at) // never fails
	return success
}

// Xclock_time_get tells the time, which makes hash maps more unpredictable and is of no use otherwise.
func (h *host) Xclock_time_get(_ int32, _ int64, address int32) int32 {
	at, ok := h.bytes(uint32(address), 8)
	if !ok {
		return fault
	}
	binary.LittleEndian.PutUint64(at, uint64(time.Now().UnixNano()))
	return success
}

// Xenviron_get has nothing to write, as Xenviron_sizes_get has said.
func (h *host) Xenviron_get(_, _ int32) int32 { return success }

// Xenviron_sizes_get says that there is no environment.
func (h *host) Xenviron_sizes_get(count, size int32) int32 {
	return max(h.putUint32(count, 0), h.putUint32(size, 0))
}

// Xfd_write keeps what the module prints, of which only its last words matter.
func (h *host) Xfd_write(file, vectors, count, written int32) int32 {
	if file != 1 && file != 2 {
		return badFile
	}
	total := uint32(0)
	for i := range uint32(count) {
		vector, ok := h.bytes(uint32(vectors)+8*i, 8)
		if !ok {
			return fault
		}
		text, ok := h.bytes(binary.LittleEndian.Uint32(vector), binary.LittleEndian.Uint32(vector[4:]))
		if !ok {
			return fault
		}
		h.panic = append(h.panic, text[:min(len(text), maxPanic-len(h.panic))]...)
		total += uint32(len(text))
	}
	return h.putUint32(written, total)
}

// Xproc_exit ends the module: there is no process to end.
func (h *host) Xproc_exit(code int32) { panic(fmt.Errorf("exit with %d", code)) }

var errAddress = errors.New("convert: an address outside of the module's memory")
