// Package clock tells the time in slots.
//
// Everything that needs to know the time reads one Clock. It stands on a Source, which is the machine's clock or, in tests, one
// that is moved by hand, and may be shifted against it, so that a recorded chain can be run at the time it was made.
//
// Layer: 2. A Clock has no goroutine of its own (EachSlot waits for those that it starts) and may be used by many.
//
// Specification: the time functions of phase0/fork-choice.md.
package clock
