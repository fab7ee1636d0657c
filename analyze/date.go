package analyze

import (
	"fmt"
	"time"
)

// A Date is a day in UTC, as 2006-01-02. The zero value is none.
type Date string

// ParseDate reads a day of the calendar.
func ParseDate(text string) (Date, error) {
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		return "", fmt.Errorf("%q is not a day such as 2027-01-31", text)
	}
	return Date(text), nil
}

// DateOf is the day of a moment, in UTC.
func DateOf(moment time.Time) Date { return Date(moment.UTC().Format(time.DateOnly)) }

// Expired reports whether something that holds until the end of a day holds no more on another one. What has no end
// never expires, and nothing expires where nobody knows what day it is.
func (d Date) Expired(today Date) bool { return d != "" && today != "" && d < today }
