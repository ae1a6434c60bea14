package gethtest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Geth is a geth with a data directory of its own, on ports of the loopback interface. It belongs to one goroutine.
type Geth struct {
	// URL is that of the Engine API, SecretFile the file of its JWT secret.
	URL        string
	SecretFile string

	secret  []byte
	program string
	dir     string
	port    int
	output  buffer
	command *exec.Cmd
	ended   chan error
}

// buffer keeps what a program writes.
type buffer struct {
	mu struct {
		sync.Mutex
		bytes.Buffer
	}
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.String()
}

// New sets up a data directory below dir with a genesis; geth does not run yet. The program is the file that CRESSET_GETH names.
func New(ctx context.Context, dir string, genesis []byte) (*Geth, error) {
	program := os.Getenv("CRESSET_GETH")
	if program == "" {
		return nil, fmt.Errorf("CRESSET_GETH is not set, want the path of a geth (make geth builds one)")
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	g := &Geth{program: program, dir: filepath.Join(dir, "geth"), port: port, SecretFile: filepath.Join(dir, "jwt.hex"),
		URL: fmt.Sprintf("http://127.0.0.1:%d", port)}
	g.secret = make([]byte, 32)
	rand.Read(g.secret)
	if err := os.WriteFile(g.SecretFile, []byte(hex.EncodeToString(g.secret)), 0o600); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "geth-genesis.json")
	if err := os.WriteFile(file, genesis, 0o600); err != nil {
		return nil, err
	}
	if output, err := exec.CommandContext(ctx, program, "init", "--state.scheme", "hash", "--datadir", g.dir, file).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("geth init: %w\n%s", err, output)
	}
	return g, nil
}

// freePort is a port that nobody listens on at the moment.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// startTime is how long geth may take until it listens.
const startTime = 60 * time.Second

// Start runs geth and waits until it listens. It writes the state of every block, for a geth whose newest states are lost with the process
// goes over to snap sync, which without peers has no end.
func (g *Geth) Start(ctx context.Context) error {
	g.command = exec.Command(g.program, "--datadir", g.dir, "--syncmode", "full", "--state.scheme", "hash", "--gcmode", "archive",
		"--nodiscover", "--maxpeers", "0", "--port", "0",
		"--ipcdisable", "--nat", "none", "--authrpc.addr", "127.0.0.1", "--authrpc.port", strconv.Itoa(g.port), "--authrpc.jwtsecret", g.SecretFile)
	g.command.Stdout, g.command.Stderr = &g.output, &g.output
	if err := g.command.Start(); err != nil {
		return fmt.Errorf("start geth: %w", err)
	}
	command, ended := g.command, make(chan error, 1)
	g.ended = ended
	go func() { ended <- command.Wait() }()
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(g.port)))
		if err == nil {
			return connection.Close()
		}
		select {
		case err := <-ended:
			return fmt.Errorf("geth ended: %w\n%s", err, g.Output())
		case <-ctx.Done():
			return fmt.Errorf("geth does not listen: %w\n%s", ctx.Err(), g.Output())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Kill ends geth at once, as the loss of power would, and waits until it is gone. It can be started again.
func (g *Geth) Kill() error {
	if g.command == nil {
		return nil
	}
	if err := g.command.Process.Kill(); err != nil {
		return fmt.Errorf("kill geth: %w", err)
	}
	<-g.ended
	g.command = nil
	return nil
}

// Latest is the block that geth calls the latest: its head.
func (g *Geth) Latest(ctx context.Context) (number uint64, hash string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, g.URL,
		strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["latest",false]}`))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+g.token(time.Now()))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", fmt.Errorf("ask geth for its head: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return 0, "", fmt.Errorf("ask geth for its head: %w", err)
	}
	var answer struct {
		Result *struct{ Number, Hash string }
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Result == nil {
		return 0, "", fmt.Errorf("ask geth for its head: HTTP %s: %.200s", response.Status, body)
	}
	number, err = strconv.ParseUint(answer.Result.Number, 0, 64)
	return number, answer.Result.Hash, err
}

// token is the JWT that geth wants with each call: when it was made, signed with the secret (HS256).
func (g *Geth) token(now time.Time) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
		base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"iat":%d}`, now.Unix()))
	mac := hmac.New(sha256.New, g.secret)
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Output is all that geth has written.
func (g *Geth) Output() string { return g.output.String() }
