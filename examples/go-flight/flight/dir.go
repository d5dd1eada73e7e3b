package flight

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// DirOptions say how a folder is kept.
type DirOptions struct {
	// Name begins the names of the files; the service's name if it is empty.
	Name string
	// MaxFiles and MaxBytes bound what this process leaves in the folder, if nobody takes it away: the oldest go first.
	// 1024 and 1 GiB if they are 0; negative: there is no bound.
	MaxFiles int
	MaxBytes int64
	// Perm is who may read the files, whatever the process's umask: 0o640 if it is 0. Traces hold what was logged and asked, so
	// that readers who are neither the owner nor in the group have to be wanted.
	Perm os.FileMode
}

// Dir returns a [Sink] that writes each snapshot into a folder, which has to exist, as a file of its own that appears whole:
// who watches the folder never sees half a snapshot, not even after a crash.
func Dir(folder string, options DirOptions) Sink {
	if options.MaxFiles == 0 {
		options.MaxFiles = 1024
	}
	if options.MaxBytes == 0 {
		options.MaxBytes = 1 << 30
	}
	if options.Perm == 0 {
		options.Perm = 0o640
	}
	return &dirSink{folder: folder, options: options}
}

type dirSink struct {
	folder  string
	options DirOptions
}

func (d *dirSink) check() error {
	info, err := os.Stat(d.folder)
	if err == nil && !info.IsDir() {
		err = errors.New("is no folder")
	}
	if err != nil {
		return fmt.Errorf("flight: snapshots cannot go into %q: %w", d.folder, err)
	}
	file, err := os.CreateTemp(d.folder, ".snapshot-*")
	if err != nil {
		return fmt.Errorf("flight: %w", err)
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

const snapshotSuffix = ".trace"

func (d *dirSink) prefix(meta Meta) string {
	name := d.options.Name
	if name == "" {
		name = meta.Service
	}
	inFileName := func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}
	return fmt.Sprintf("%s-%d-", strings.TrimLeft(strings.Map(inFileName, name), "."), meta.PID)
}

// Put implements [Sink].
func (d *dirSink) Put(ctx context.Context, meta Meta, snapshot io.ReadSeeker) error {
	prefix := d.prefix(meta)
	if err := d.makeRoom(prefix, meta.Size); err != nil {
		return fmt.Errorf("flight: making room for a snapshot: %w", err)
	}
	file, err := os.CreateTemp(d.folder, ".snapshot-*")
	if err != nil {
		return fmt.Errorf("flight: writing a snapshot: %w", err)
	}
	_, err = io.Copy(file, readerUntil{ctx, snapshot})
	err = errors.Join(err, file.Chmod(d.options.Perm), file.Sync(), file.Close())
	if err == nil {
		name := fmt.Sprintf("%s%d%s", prefix, meta.Taken.UnixNano(), snapshotSuffix)
		err = os.Rename(file.Name(), filepath.Join(d.folder, name))
	}
	if err != nil {
		os.Remove(file.Name())
		return fmt.Errorf("flight: writing a snapshot: %w", err)
	}
	return nil
}

// makeRoom removes the oldest files of this process until another one fits.
func (d *dirSink) makeRoom(prefix string, size int64) error {
	entries, err := os.ReadDir(d.folder)
	if err != nil {
		return err
	}
	type old struct {
		name string
		size int64
	}
	var files []old
	bytes := size
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasPrefix(name, prefix) || !strings.HasSuffix(name, snapshotSuffix) {
			continue
		}
		// One that is gone meanwhile needs no room.
		if info, err := entry.Info(); err == nil {
			files = append(files, old{name, info.Size()})
			bytes += info.Size()
		}
	}
	// Their times have equally many digits, until the year 2286.
	sort.Slice(files, func(i, j int) bool { return files[i].name < files[j].name })
	for len(files) > 0 {
		tooMany := d.options.MaxFiles > 0 && len(files) >= d.options.MaxFiles
		tooLarge := d.options.MaxBytes > 0 && bytes > d.options.MaxBytes
		if !tooMany && !tooLarge {
			return nil
		}
		if err := os.Remove(filepath.Join(d.folder, files[0].name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		bytes -= files[0].size
		files = files[1:]
	}
	return nil
}

// readerUntil reads until a context is done.
type readerUntil struct {
	ctx context.Context
	io.Reader
}

func (r readerUntil) Read(into []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(into)
}
