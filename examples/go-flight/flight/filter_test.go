package flight

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

type filterCase struct {
	base, want Filter
	setting    string
}

// filterCases are those that go-trace-sanitize is held against too.
func filterCases(t *testing.T) (cases []filterCase) {
	t.Helper()
	table, err := os.ReadFile("testdata/filters.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.SplitN(line, "\t", 3)
		base, err := strconv.Atoi(fields[0])
		if err != nil {
			t.Fatal(err)
		}
		want, err := strconv.Atoi(fields[1])
		if err != nil {
			t.Fatal(err)
		}
		cases = append(cases, filterCase{Filter(base), Filter(want), fields[2]})
	}
	return cases
}

func TestGodebugTurnsCategoriesOn(t *testing.T) {
	for _, c := range filterCases(t) {
		if got := c.base.withGodebug(c.setting); got != c.want {
			t.Errorf("%d with GODEBUG=%q is %d, want %d", c.base, c.setting, got, c.want)
		}
	}
}

func TestSetFilter(t *testing.T) {
	t.Setenv("GODEBUG", "tracesql=1")
	before := CurrentFilter()
	defer func() { filter.Store(uint32(before)) }()
	for set, want := range map[Filter]Filter{
		FilterHTTP: FilterHTTP | FilterSQL,
		0:          FilterDefault | FilterSQL,
		FilterAll:  FilterAll,
	} {
		SetFilter(set)
		if got := CurrentFilter(); got != want {
			t.Errorf("SetFilter(%d) gives %d, want %d", set, got, want)
		}
	}
}

func TestExportEndpointNeedsAnExporter(t *testing.T) {
	if err := SetExportEndpoint("localhost:4318"); err == nil {
		t.Error("nobody says what is missing")
	}
}
