package main

import (
	"context"
	"strings"
)

func init() {
	scenarios["logs"] = scenario{
		about: "logs and names with quotes, newlines, NUL, invalid UTF-8, too long",
		run:   runLogs,
	}
}

// strangeTexts are what a reader must neither alter nor trip over.
var strangeTexts = []string{
	"",
	" ",
	`"quoted" and 'single' and back\slash and %q %!d`,
	"two\nlines\r\nand\ttabs",
	"NUL \x00 bell \a escape \x1b[31m delete \x7f",
	"invalid UTF-8 \xff \xc3\x28 \xed\xa0\x80 cut \xe2\x82",
	"größe 漢字 📏 e\u0301 \u202eright to left\u2028line separator \ufeffbyte order mark \ufffd",
	"key=value password=hunter2 https://user:secret@example.com/a?b=c#d",
	// The runtime cuts a text at 1024 bytes: here inside of a rune.
	strings.Repeat("x", 1023) + "é and what the runtime cuts off",
}

func runLogs(r *recorder) error {
	return r.record(func() error {
		ctx := context.Background()
		r.log(ctx, "taskless", "without a task")
		ctx, all := r.task(ctx, "logs")
		for _, strange := range strangeTexts {
			r.log(ctx, "message", strange)
			r.log(ctx, strange, "category")
		}
		for _, strange := range strangeTexts {
			inner, t := r.task(ctx, strange)
			g := r.region(inner, strange)
			r.log(inner, "inside", "strangely named task and region")
			g.end()
			t.end()
		}
		all.end()
		r.log(ctx, "late", "to a task that has ended")
		return nil
	})
}
