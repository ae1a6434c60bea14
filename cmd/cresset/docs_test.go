package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cresset/cresset/cmd/internal/doclines"
)

// Every command line of the documentation is one: its command and its flags exist, and none is missing that the command needs. They run in an empty directory and
// with a context that is over, so that they end for want of files and nodes, which is no wrong usage.
func TestCommandLinesOfTheDocumentation(t *testing.T) {
	module, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	lines, err := doclines.Of(module, "cresset")
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) < 20 {
		t.Fatalf("%d command lines were found, want more", len(lines))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, l := range lines {
		if l.Mention() {
			if cmd, left, err := rootCommand().Find(l.Args); err != nil || len(left) > 0 && cmd.HasSubCommands() {
				t.Errorf("%s: cresset %s: there is no such command (%v)", l.Place, strings.Join(l.Args, " "), err)
			}
			continue
		}
		dir := t.TempDir()
		t.Chdir(dir)
		if err := errors.Join(os.WriteFile("history.json", nil, 0o600), os.Mkdir("keystores", 0o700)); err != nil {
			t.Fatal(err)
		}
		args := doclines.Fill(l.Args, map[string]string{
			"--genesis-validators-root": testRoot, "--withdrawal-address": testAddress, "URL": "http://127.0.0.1:1", "/path/of/keystores": "keystores", "PUBKEY": testRoot + testRoot[2:34],
		})
		for i := range args {
			args[i] = strings.Replace(args[i], "~/", dir+"/", 1)
		}
		var out bytes.Buffer
		if code := run(ctx, args, strings.NewReader(""), &out, &out); code == exitUsage {
			t.Errorf("%s: cresset %s: %s", l.Place, strings.Join(l.Args, " "), out.String())
		}
	}
}
