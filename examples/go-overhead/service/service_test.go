package service

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func get(handler http.Handler, target string) (int, string) {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, target, nil))
	return recorder.Code, recorder.Body.String()
}

func TestARequestDoesItsWorkInOneSpan(t *testing.T) {
	var names []string
	handler := New(func(ctx context.Context, name string, do func(context.Context)) {
		names = append(names, name)
		do(ctx)
	})
	code, body := get(handler, "/work/7?loops=1000&allocations=5&size=16&pause=1us&workers=3")
	if code != http.StatusOK || !strings.HasPrefix(body, "7: ") || len(names) != 1 || names[0] != "work" {
		t.Errorf("%d %q, spans %q", code, body, names)
	}
	if _, again := get(New(Untraced), "/work/7?loops=1000&allocations=5&size=16&workers=3"); again != body {
		t.Errorf("the same work gives %q and %q", body, again)
	}
	if _, other := get(New(Untraced), "/work/7?loops=1001&allocations=5&size=16&workers=3"); other == body {
		t.Errorf("more work gives the same: %q", other)
	}
}

func TestWhatIsWrongWithALoadIsSaid(t *testing.T) {
	for _, wrong := range []string{
		"loops=-1", "loops=many", "allocations=1000001", "size=0", "workers=0", "workers=1001", "pause=5", "pause=-1s", "pause=11s",
	} {
		name, _, _ := strings.Cut(wrong, "=")
		if code, body := get(New(Untraced), "/work/1?"+wrong); code != http.StatusBadRequest || !strings.HasPrefix(body, name+"=") {
			t.Errorf("%s: %d %q", wrong, code, body)
		}
	}
}

func TestPartsAreTheWhole(t *testing.T) {
	for _, all := range []int{0, 1, 2, 7, 12} {
		sum := 0
		for number := range 5 {
			sum += part(all, 5, number)
		}
		if sum != all {
			t.Errorf("%d in five parts are %d", all, sum)
		}
	}
}
