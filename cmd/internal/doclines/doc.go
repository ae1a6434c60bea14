// Package doclines finds the command lines in the documentation, for tests of the programs that try each of them.
//
// Layer: none. Tests import it, nothing else.
package doclines
