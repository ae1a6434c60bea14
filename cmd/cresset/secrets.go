package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/cresset/cresset/keystore"
)

// Secrets come from files that only their owner may read, or from a terminal without echo. They are never in an argument, an environment variable or a log.

// errNoTerminal says that a secret cannot be asked for.
var errNoTerminal = errors.New("standard input is not a terminal")

// readSecret asks for a line at the terminal without showing it.
func readSecret(cmd *cobra.Command, what string) ([]byte, error) {
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil, errNoTerminal
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s: ", what)
	defer fmt.Fprintln(cmd.ErrOrStderr())
	return term.ReadPassword(int(in.Fd()))
}

// passwordFlags say where the passwords of keystores come from.
type passwordFlags struct{ file, dir string }

func (f *passwordFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.file, "password-file", "", "file with the password of all keystores (default: asked for at the terminal)")
	cmd.Flags().StringVar(&f.dir, "passwords", "", "directory with a file NAME.txt for every keystore NAME.json")
}

// source gives the password of each file; one that is asked for is asked for once.
func (f *passwordFlags) source(cmd *cobra.Command) (func(string) (keystore.Password, error), error) {
	if f.dir != "" {
		if f.file != "" {
			return nil, usageError(errors.New("--password-file and --passwords exclude each other"))
		}
		return keystore.PasswordsIn(f.dir), nil
	}
	p, err := password(cmd, f.file, "--password-file", "Password of the keystores")
	return keystore.OnePassword(p), err
}

// password reads a password from a file or from the terminal.
func password(cmd *cobra.Command, file, flag, what string) (keystore.Password, error) {
	if file != "" {
		p, err := keystore.ReadPasswordFile(file)
		if err != nil {
			return p, inputError(err)
		}
		return p, nil
	}
	text, err := readSecret(cmd, what)
	if err != nil {
		return keystore.Password{}, usageError(fmt.Errorf("%s is missing: %w", flag, err))
	}
	defer clear(text)
	p, err := keystore.NewPassword(text)
	if err != nil {
		return p, inputError(err)
	}
	return p, nil
}

const minNewPassword = 8 // characters, as the launchpad's tool wants

// newPassword reads a password for new keystores: from the terminal twice.
func newPassword(cmd *cobra.Command, file, flag string) (keystore.Password, error) {
	p, err := password(cmd, file, flag, "Password for the new keystores")
	if err != nil {
		return p, err
	}
	if n := len([]rune(string(p.Reveal()))); n < minNewPassword {
		return p, inputError(fmt.Errorf("password has %d characters, want at least %d", n, minNewPassword))
	}
	if file != "" {
		return p, nil
	}
	again, err := password(cmd, "", flag, "The same again")
	if err == nil && !again.Equal(p) {
		err = inputError(errors.New("the two passwords differ"))
	}
	return p, err
}

// mnemonic reads a mnemonic from a file or from the terminal.
func mnemonic(cmd *cobra.Command, file string) (m keystore.Mnemonic, err error) {
	const most = 1024
	var text []byte
	if file != "" {
		if text, err = keystore.ReadSecretFile(file, most); err != nil {
			return m, inputError(err)
		}
	} else if text, err = readSecret(cmd, "Mnemonic"); err != nil {
		return m, usageError(fmt.Errorf("--mnemonic-file is missing: %w", err))
	}
	defer clear(text)
	if m, err = keystore.ParseMnemonic(string(text)); err != nil {
		return m, inputError(err)
	}
	return m, nil
}

// passphrase reads the words that a mnemonic's seed may need besides, from a file only: most have none.
func passphrase(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	p, err := keystore.ReadPasswordFile(file)
	if err != nil {
		return "", inputError(err)
	}
	return string(p.Reveal()), nil
}

// confirm asks for "yes" before what cannot be undone.
func confirm(cmd *cobra.Command, yes bool, question string) error {
	if yes {
		return nil
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s\nType yes to go on: ", question)
	line, err := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), 100)).ReadString('\n')
	if strings.TrimSpace(line) == "yes" {
		return nil
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return errors.New("not confirmed, nothing was done")
}
