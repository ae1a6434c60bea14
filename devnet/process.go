package devnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopTime is how long a process may take to end before it is killed.
const stopTime = 10 * time.Second

// process is one program that runs for the network, in a process group of its own. It belongs to one goroutine.
type process struct {
	name    string
	place   place
	command []string
	log     string // path

	running *running // nil while it is stopped
}

// running is a process that was started; done is closed when it is gone, err is then why.
type running struct {
	pid  int
	done chan struct{}
	err  error
}

// processes is all of them. failed hears of each that ends without being told to.
type processes struct {
	dir    string
	failed chan error

	mu struct {
		sync.Mutex
		all  []*process
		told map[*running]bool // that were told to end
	}
}

func newProcesses(dir string) *processes {
	p := &processes{dir: dir, failed: make(chan error, 1)}
	p.mu.told = map[*running]bool{}
	return p
}

// add names a process without starting it. Its log is a file of its name.
func (p *processes) add(name string, at place, command ...string) *process {
	made := &process{name: name, place: at, command: command, log: filepath.Join(p.dir, name+".log")}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.all = append(p.mu.all, made)
	return made
}

// start runs a process. The kernel kills it when this program dies; as it looks at the thread that started it, that thread has nothing else to do
// until the process is gone.
func (p *processes) start(c *process) error {
	file, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	command := exec.Command(c.command[0], c.command[1:]...)
	command.Stdout, command.Stderr = file, file
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	r, started := &running{done: make(chan struct{})}, make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: a thread that went to another place ends with this goroutine
		defer file.Close()
		if err := c.place.enter(); err != nil {
			started <- err
			return
		}
		if err := command.Start(); err != nil {
			started <- err
			return
		}
		r.pid = command.Process.Pid
		started <- nil
		r.err = command.Wait()
		p.mu.Lock()
		told := p.mu.told[r]
		p.mu.Unlock()
		close(r.done)
		if !told {
			select {
			case p.failed <- fmt.Errorf("%s ended by itself: %w; its last lines:\n%s", c.name, endOf(r.err), lastLines(c.log)):
			default: // another one did before
			}
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	c.running = r
	return nil
}

func endOf(err error) error {
	if err == nil {
		return errors.New("exit code 0")
	}
	return err
}

// stop ends a process and all of its group, and waits until it is gone.
func (p *processes) stop(c *process) {
	r := c.running
	if r == nil {
		return
	}
	p.tell(c, syscall.SIGTERM)
	select {
	case <-r.done:
	case <-time.After(stopTime):
	}
	_ = syscall.Kill(-r.pid, syscall.SIGKILL) // what is left of the group, mostly nothing
	<-r.done
	c.running = nil
}

func (p *processes) tell(c *process, signal syscall.Signal) {
	p.mu.Lock()
	p.mu.told[c.running] = true
	p.mu.Unlock()
	_ = syscall.Kill(-c.running.pid, signal) // it may be gone already
}

// stopAll ends everything, the last that was started first, and all of them at the same time.
func (p *processes) stopAll() {
	p.mu.Lock()
	all := p.mu.all
	p.mu.Unlock()
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].running != nil {
			p.tell(all[i], syscall.SIGTERM)
		}
	}
	for _, c := range all {
		p.stop(c)
	}
}

// run runs a program that ends by itself, and gives its output with the error.
func run(ctx context.Context, command ...string) error {
	output, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(command[:min(2, len(command))], " "), err, output)
	}
	return nil
}

// What is shown of the log of a process that failed.
const (
	shownLines = 15
	shownBytes = 16 << 10
)

// lastLines is the end of a log.
func lastLines(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > shownBytes {
		if _, err := f.Seek(-shownBytes, io.SeekEnd); err != nil {
			return err.Error()
		}
	}
	data, err := io.ReadAll(io.LimitReader(f, shownBytes))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return "  " + strings.Join(lines[max(0, len(lines)-shownLines):], "\n  ")
}

// freePorts gives ports of the loopback interface that nobody listens on at the moment, by TCP and UDP.
func freePorts(n int) (ports []int, err error) {
	for len(ports) < n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close() // only at the end, so that each is another one
		u, err := net.ListenPacket("udp", l.Addr().String())
		if err != nil {
			continue
		}
		defer u.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
