package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/lmittmann/tint"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/client"
)

// settings is what the command line says.
type settings struct {
	client        client.Config
	network       string
	networkConfig string
	recipient     string
	graffiti      string
	logLevel      string
	logFormat     string
}

// addFlags makes the flags, which write into settings.
func addFlags(flags *pflag.FlagSet, s *settings) {
	flags.SortFlags = false
	c := &s.client
	flags.StringVar(&c.DataDir, "datadir", "", "directory of the process; keystores are in its directory keystores")
	flags.StringVar(&c.KeystoreDir, "keystores", "", "directory of keystores and their slashing protection (default DATADIR/keystores)")
	flags.StringVar(&c.PasswordFile, "password-file", "", "file with the password of all keystores")
	flags.StringVar(&c.PasswordDir, "passwords", "", "directory with the password of NAME.json in NAME.txt")
	flags.StringSliceVar(&c.BeaconNodes, "beacon-nodes", []string{"http://127.0.0.1:5052"}, "URLs of Beacon APIs, repeatable or separated by commas")
	flags.StringVar(&s.network, "network", "", "name of the network: "+strings.Join(params.Networks(), ", "))
	flags.StringVar(&s.networkConfig, "network-config", "", "file with the configuration of another network")
	flags.StringVar(&s.recipient, "suggested-fee-recipient", "", "account that gets the fees of blocks (default: the account that withdrawals go to)")
	flags.StringVar(&s.graffiti, "graffiti", "", "text of at most 32 bytes in every block")
	flags.StringVar(&c.MetricsAddress, "metrics-address", "127.0.0.1:5064", "host:port to serve /metrics on, empty for none")
	flags.BoolVar(&c.Init, "init", false, "make slashing protection for keys that never signed anything; refused where there is some or was some")
	flags.StringVar(&s.logLevel, "log-level", "info", "debug, info, warn or error")
	flags.StringVar(&s.logFormat, "log-format", "auto", "auto, text or json")
}

// maxNetworkConfig bounds the file of --network-config, bytes.
const maxNetworkConfig = 1 << 20

// complete reads what the flags name. What is wrong is a client.UsageError that names flag and value.
func (s *settings) complete() error {
	wrong := func(format string, args ...any) error { return &client.UsageError{Err: fmt.Errorf(format, args...)} }
	switch {
	case (s.network == "") == (s.networkConfig == ""):
		return wrong("want one of --network and --network-config")
	case !slices.Contains([]string{"debug", "info", "warn", "error"}, s.logLevel):
		return wrong("--log-level is %q, want one of debug, info, warn, error", s.logLevel)
	case !slices.Contains([]string{"auto", "text", "json"}, s.logFormat):
		return wrong("--log-format is %q, want one of auto, text, json", s.logFormat)
	case len(s.graffiti) > len(s.client.Graffiti) || strings.ContainsAny(s.graffiti, "\n\r\x00"):
		return wrong("--graffiti is %q, want text of at most 32 bytes without line breaks", s.graffiti)
	}
	copy(s.client.Graffiti[:], s.graffiti)
	if s.recipient != "" {
		digits, prefixed := strings.CutPrefix(s.recipient, "0x")
		b, err := hex.DecodeString(digits)
		if err != nil || !prefixed || len(b) != 20 || types.ExecutionAddress(b) == (types.ExecutionAddress{}) {
			return wrong("--suggested-fee-recipient is %q, want 0x and 40 hexadecimal digits, not all of them 0", s.recipient)
		}
		s.client.FeeRecipient = types.ExecutionAddress(b)
	}
	spec, err := s.spec()
	if err != nil {
		return &client.UsageError{Err: err}
	}
	s.client.Spec = spec
	return s.client.Validate()
}

func (s *settings) spec() (*params.Spec, error) {
	if s.network != "" {
		spec, _, _, err := params.Network(s.network)
		if err != nil {
			return nil, fmt.Errorf("--network: %w", err)
		}
		return spec, nil
	}
	f, err := os.Open(s.networkConfig)
	if err != nil {
		return nil, fmt.Errorf("--network-config: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxNetworkConfig+1))
	if err == nil && len(text) > maxNetworkConfig {
		err = fmt.Errorf("%s has more than %d bytes", s.networkConfig, maxNetworkConfig)
	}
	if err != nil {
		return nil, fmt.Errorf("--network-config: %w", err)
	}
	spec, _, err := params.Load(text)
	if err != nil {
		return nil, fmt.Errorf("--network-config: %s: %w", s.networkConfig, err)
	}
	return spec, nil
}

// newLog makes the logger that the settings ask for. On a terminal lines are coloured, unless NO_COLOR is set (no-color.org).
func newLog(out io.Writer, s *settings, environ []string) *slog.Logger {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "warn": slog.LevelWarn, "error": slog.LevelError}
	level := levels[s.logLevel]
	f, isFile := out.(*os.File)
	switch {
	case s.logFormat == "json":
		return slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level}))
	case s.logFormat == "auto" && isFile && term.IsTerminal(int(f.Fd())):
		plain := slices.ContainsFunc(environ, func(entry string) bool {
			value, found := strings.CutPrefix(entry, "NO_COLOR=")
			return found && value != ""
		})
		return slog.New(tint.NewTextHandler(out, &tint.Options{Level: level, NoColor: plain}))
	}
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level}))
}
