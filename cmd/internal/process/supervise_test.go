package process

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// A job that ends by itself is not disturbed.
func TestSuperviseAJobThatEnds(t *testing.T) {
	want := errors.New("why")
	if got := Supervise(t.Context(), quiet(), nil, Job{Run: func(context.Context) error { return want }}); got != want {
		t.Errorf("ended with %v, want %v", got, want)
	}
}

// A signal asks the job to end, and it may use its time to save.
func TestSuperviseAnOrderlyEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals := make(chan os.Signal, 2)
		time.AfterFunc(time.Hour, func() { signals <- syscall.SIGTERM })
		saved := false
		begin := time.Now()
		err := Supervise(t.Context(), quiet(), signals, Job{Name: "the node", Lost: "nothing", Run: func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(grace - time.Second)
			saved = true
			return nil
		}})
		if err != nil || !saved || time.Since(begin) != time.Hour+grace-time.Second {
			t.Errorf("ended with %v after %v, saved %t; want no error after the hour and the time for saving", err, time.Since(begin), saved)
		}
	})
}

// A second signal ends at once.
func TestSuperviseASecondSignal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals, release := make(chan os.Signal, 2), make(chan struct{})
		defer close(release)
		signals <- syscall.SIGTERM
		time.AfterFunc(time.Second, func() { signals <- os.Interrupt })
		begin := time.Now()
		err := Supervise(t.Context(), quiet(), signals, Job{Name: "the node", Lost: "nothing", Run: func(context.Context) error {
			<-release
			return nil
		}})
		if err == nil || !strings.Contains(err.Error(), "second signal (interrupt)") || time.Since(begin) != time.Second {
			t.Errorf("ended with %v after %v, want a second signal after 1s", err, time.Since(begin))
		}
	})
}

// A job that does not end in time is given up, with word of what hangs; all goroutines are logged at level debug only.
func TestSuperviseAJobThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals, release := make(chan os.Signal, 2), make(chan struct{})
		defer close(release)
		signals <- syscall.SIGTERM
		begin := time.Now()
		var logged bytes.Buffer
		log := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
		err := Supervise(t.Context(), log, signals, Job{Name: "the node", Lost: "nothing", Run: func(context.Context) error {
			<-release
			return nil
		}})
		if err == nil || !strings.Contains(err.Error(), "did not end within 10s, it hangs in ") || time.Since(begin) != grace {
			t.Errorf("ended with %v after %v, want what hangs after %v", err, time.Since(begin), grace)
		}
		if !strings.Contains(logged.String(), "level=DEBUG") || !strings.Contains(logged.String(), "TestSuperviseAJobThatHangs") {
			t.Errorf("logged is %s, want the goroutines of the test at level debug", logged.String())
		}
	})
}

// What hangs is the innermost function of this project on each stack, whatever of the library it waits in.
func TestHanging(t *testing.T) {
	const stacks = `goroutine 1 [chan receive]:
main.(*program).run(0xc0001)
	somewhere/main.go:1 +0x1

goroutine 7 [semacquire]:
sync.runtime_Semacquire(0xc0001?)
	somewhere/sema.go:71 +0x25
github.com/cresset/cresset/beacon/chain.(*Chain).persist(0xc0002, {0x1, 0x2})
	somewhere/persist.go:9 +0x1
github.com/cresset/cresset/beacon/chain.(*Chain).Run(0xc0002)
	somewhere/writer.go:9 +0x1
created by github.com/cresset/cresset/beacon/node.run in goroutine 1
	somewhere/node.go:1

goroutine 8 [IO wait]:
net/http.(*Server).Serve(0xc0001)
	somewhere/server.go:1 +0x1
github.com/cresset/cresset/beacon/node.run.func4()
	somewhere/node.go:1 +0x1

goroutine 9 [IO wait]:
github.com/cresset/cresset/beacon/node.run.func4()
	somewhere/node.go:1 +0x1

goroutine 10 [running]:
github.com/cresset/cresset/cmd/cresset-beacon.supervise(0x1)
	somewhere/supervise.go:1 +0x1
`
	if got, want := hanging(stacks), "beacon/chain.(*Chain).persist, beacon/node.run.func4"; got != want {
		t.Errorf("hangs in %q, want %q", got, want)
	}
	if got := hanging("goroutine 1 [running]:\nmain.main()\n"); got != "code that is not this project's" {
		t.Errorf("hangs in %q", got)
	}
	var many strings.Builder
	for i := range maxHanging + 3 {
		many.WriteString("goroutine 1 [running]:\n" + modulePath + "x.f" + string(rune('a'+i)) + "()\n\n")
	}
	if got := hanging(many.String()); !strings.HasPrefix(got, "x.fa, x.fb, ") || !strings.HasSuffix(got, "x.fh and 3 more") {
		t.Errorf("hangs in %q, want eight of them and 3 more", got)
	}
}

// All goroutines are told, however many there are.
func TestAllStacks(t *testing.T) {
	release := make(chan struct{})
	for range 1000 {
		go func() { <-release }()
	}
	defer close(release)
	if n := strings.Count(allStacks(), "\ngoroutine "); n < 1000 {
		t.Errorf("%d goroutines are told of, want 1000 and more", n)
	}
}
