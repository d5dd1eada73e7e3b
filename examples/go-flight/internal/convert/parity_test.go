package convert

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// repository is where this module is developed. Who has fetched the module alone has no recordings.
const repository = "../../../.."

// recordings returns those of testdata by name, the snapshots of one process under one name.
func recordings(t *testing.T) map[string][]string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(repository, "Cargo.toml")); errors.Is(err, os.ErrNotExist) {
		t.Skip("there are recordings in the repository only")
	}
	root := filepath.Join(repository, "testdata")
	files, err := filepath.Glob(filepath.Join(root, "*", "*.trace"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	found := map[string][]string{}
	number := regexp.MustCompile(`(\.[0-9]+)?\.trace$`)
	for _, file := range files {
		name, _ := filepath.Rel(root, file)
		name = number.ReplaceAllString(filepath.ToSlash(name), "")
		found[name] = append(found[name], file)
	}
	return found
}

// TestBatchesAreTheNativeSessions holds the batches against hashes that a test of the crate examples/wasm holds against the
// native session.
func TestBatchesAreTheNativeSessions(t *testing.T) {
	want, err := os.ReadFile("testdata/batches.txt")
	if err != nil {
		t.Fatal(err)
	}
	traces := recordings(t)
	lines := strings.Split(strings.TrimSuffix(string(want), "\n"), "\n")
	if len(lines) != 2*len(traces) {
		t.Fatalf("%d hashes of %d recordings, in two encodings each", len(lines), len(traces))
	}
	for _, line := range lines {
		var hash, name, encoding string
		if _, err := fmt.Sscan(line, &hash, &name, &encoding); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if got := batches(t, encoding, traces[name]); got != hash {
			t.Errorf("%s in %s: batches are not those of the native session", name, encoding)
		}
	}
}

// batches returns a hash of all that a converter hands on.
func batches(t *testing.T, encoding string, files []string) string {
	t.Helper()
	hash := sha256.New()
	options := Options{
		Environ:            []string{"HOME=/", "OTEL_SERVICE_NAME=parity"},
		Resource:           map[string]string{"host.name": "höst,1"},
		Ratio:              1,
		Logs:               true,
		Metrics:            true,
		MaxGenerationBytes: 64 << 20,
	}
	if encoding == "json" {
		options.JSON, options.Ratio, options.Logs, options.Metrics = true, 0.5, false, false
	}
	c, warning, err := New(options, func(b Batch) {
		fmt.Fprintf(hash, "%v %d %d\n", b.Signal, b.Records, len(b.Bytes))
		hash.Write(b.Bytes)
	})
	if err != nil || warning != "" {
		t.Fatal(err, warning)
	}
	for _, file := range files {
		trace, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c.Write(trace) // EndTrace returns its error too
		if err := c.EndTrace(); err != nil {
			fmt.Fprintf(hash, "error %v\n", err)
		}
	}
	if err := c.Finish(); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", hash.Sum(nil))
}

func trace(t *testing.T, name string) []byte {
	t.Helper()
	files := recordings(t)[name]
	if len(files) == 0 {
		t.Fatalf("no recording %s", name)
	}
	bytes, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

// TestPiecesOfAnySize feeds odd pieces.
func TestPiecesOfAnySize(t *testing.T) {
	whole := trace(t, "go1.26/context")
	convert := func(size int) []byte {
		var out []byte
		c, _, err := New(Options{Ratio: 1}, func(b Batch) { out = append(out, b.Bytes...) })
		if err != nil {
			t.Fatal(err)
		}
		for piece := range slices.Chunk(whole, size) {
			if _, err := c.Write(piece); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(c.EndTrace(), c.Finish()); err != nil {
			t.Fatal(err)
		}
		return out
	}
	want := convert(len(whole))
	if len(want) == 0 {
		t.Fatal("no batches")
	}
	if !bytes.Equal(convert(977), want) {
		t.Error("batches depend on the pieces")
	}
}
