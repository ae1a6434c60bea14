package devnet

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for a process; it decides nothing when everything is right.
const patience = 30 * time.Second

// A process is ended with all that it started itself.
func TestStopEndsTheWholeGroup(t *testing.T) {
	dir := t.TempDir()
	child := filepath.Join(dir, "child")
	p := newProcesses(dir)
	shell := p.add("shell", loopback, "/bin/sh", "-c", `sleep 1000 & echo $! > `+child+`.new; mv `+child+`.new `+child+`; trap "" TERM; wait; wait`)
	if err := p.start(shell); err != nil {
		t.Fatal(err)
	}
	var pid int
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if data, err := os.ReadFile(child); err == nil {
			if pid, err = strconv.Atoi(strings.TrimSpace(string(data))); err != nil {
				t.Fatal(err)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatal("the child did not start")
		}
	}
	p.stopAll()
	if err := gone(pid); err != nil {
		t.Errorf("the child of a stopped process: %v", err)
	}
	select {
	case err := <-p.failed:
		t.Errorf("a process that was told to end is told of as one that failed: %v", err)
	default:
	}
}

// gone waits until a process is no more, or only waits for its parent to take note.
func gone(pid int) error {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return nil
		}
		state, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || strings.Contains(string(state), ") Z ") {
			return nil
		}
	}
	return errors.New("it is still there")
}

// A process that ends by itself is told of with the end of its log.
func TestAProcessThatEndsIsToldOfWithItsLastLines(t *testing.T) {
	p := newProcesses(t.TempDir())
	shell := p.add("shell", loopback, "/bin/sh", "-c", "for i in $(seq 100); do echo line $i; done; exit 3")
	if err := p.start(shell); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-p.failed:
		text := err.Error()
		if !strings.Contains(text, "shell ended by itself: exit status 3") || !strings.Contains(text, "line 100") || strings.Contains(text, "line 80\n") {
			t.Error(text)
		}
	case <-time.After(patience):
		t.Fatal("nobody told of it")
	}
	p.stopAll()
}

// A program that does not exist is an error of the start.
func TestStartOfNoProgram(t *testing.T) {
	p := newProcesses(t.TempDir())
	if err := p.start(p.add("nothing", loopback, "/no/such/program")); err == nil || !strings.Contains(err.Error(), "start nothing") {
		t.Errorf("%v", err)
	}
	p.stopAll()
}
