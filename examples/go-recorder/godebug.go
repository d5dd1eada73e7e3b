package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// requireGODEBUG runs the program again with the settings in its environment
// unless they are there: the runtime reads some settings, such as the length
// of a trace's generations, before the first line of Go runs.
func requireGODEBUG(settings string) error {
	current := os.Getenv("GODEBUG")
	if settings == "" || strings.Contains(current, settings) {
		return nil
	}
	if current != "" {
		settings = current + "," + settings
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program to start it again: %w", err)
	}
	if err := os.Setenv("GODEBUG", settings); err != nil {
		return err
	}
	return syscall.Exec(program, os.Args, os.Environ())
}
