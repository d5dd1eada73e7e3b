package convert

import (
	"errors"
	"fmt"
	"strings"

	"example.com/go-flight/internal/convert/module"
)

const pageSize = 64 << 10

// An instance is one session of the module. After an error of type [*Trap] it must not be called again.
type instance struct {
	module *module.Module
	host   *host
	// The room for input within the module's memory.
	room, roomSize uint32
}

// A Trap is a failure of the converter itself: a bug, or too little memory.
type Trap struct{ reason string }

func (t *Trap) Error() string { return "convert: the converter failed: " + t.reason }

func newInstance(settings string, maxMemory int64) (i *instance, warning string, err error) {
	i = &instance{host: new(host)}
	err = i.guard(func() error {
		i.module = module.New(i.host)
		i.module.MaxPages = min(maxMemory/pageSize, 1<<16)
		if err := i.put([]byte(settings)); err != nil {
			return err
		}
		return i.check(i.module.Xsession_open(int32(len(settings))))
	})
	if err == nil {
		warning, err = i.text(i.module.Xsession_text)
	}
	return i, warning, err
}

// guard makes an error of a panic in the module.
func (i *instance) guard(call func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			reason := strings.TrimSpace(string(i.host.panic))
			if reason == "" {
				reason = fmt.Sprint(r)
			}
			err = &Trap{reason}
		}
	}()
	return call()
}

// feed hands on bytes of a trace.
func (i *instance) feed(p []byte) error {
	return i.guard(func() error {
		if err := i.put(p); err != nil {
			return err
		}
		return i.check(i.module.Xsession_feed(int32(len(p))))
	})
}

func (i *instance) endTrace() error {
	return i.guard(func() error { return i.check(i.module.Xsession_end_trace()) })
}

func (i *instance) flush() error {
	return i.guard(func() error { return i.check(i.module.Xsession_flush()) })
}

func (i *instance) finish() error {
	return i.guard(func() error { return i.check(i.module.Xsession_finish()) })
}

// nextBatch returns a copy of the next batch, and nil if there is none.
func (i *instance) nextBatch() (batch *Batch, err error) {
	err = i.guard(func() error {
		bytes, err := i.place(i.module.Xsession_next_batch())
		if err != nil || len(bytes) == 0 {
			return err
		}
		batch = &Batch{Bytes: append([]byte(nil), bytes...)} // before another call
		batch.Signal = Signal(i.module.Xsession_batch_signal())
		batch.Records = int(i.module.Xsession_batch_records())
		return nil
	})
	return batch, err
}

// memory returns how much memory the instance has, in bytes.
func (i *instance) memory() int64 { return int64(len(*i.host.memory.Slice())) }

// put copies bytes to where the module takes its input.
func (i *instance) put(p []byte) error {
	if uint32(len(p)) > i.roomSize {
		i.room, i.roomSize = uint32(i.module.Xsession_input(int32(len(p)))), uint32(len(p))
	}
	room, ok := i.host.bytes(i.room, uint32(len(p)))
	if !ok {
		return errAddress
	}
	copy(room, p)
	return nil
}

// place returns the bytes that the module points to, until the next call.
func (i *instance) place(pointer int64) ([]byte, error) {
	bytes, ok := i.host.bytes(uint32(uint64(pointer)>>32), uint32(pointer))
	if !ok {
		return nil, errAddress
	}
	return bytes, nil
}

// text returns what a function of the module has to say.
func (i *instance) text(of func() int64) (text string, err error) {
	err = i.guard(func() error {
		bytes, err := i.place(of())
		text = string(bytes)
		return err
	})
	return text, err
}

// check makes an error of what a call returned.
func (i *instance) check(status int32) error {
	if status == 0 {
		return nil
	}
	bytes, err := i.place(i.module.Xsession_text())
	if err != nil {
		return err
	}
	return errors.New(string(bytes))
}
