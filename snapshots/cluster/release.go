package cluster

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Release is a version of Restate, ordered as semantic versions are. The zero value stands for a release that is not known.
type Release struct {
	Major, Minor, Patch int
	// Pre is the pre-release, such as "rc.1" or "dev"; empty for a release proper.
	Pre string
}

// ParseRelease reads "1.7.12", "1.7.0-rc.1" or "1.7.7-dev+abc"; build metadata after the plus sign is dropped.
func ParseRelease(input string) (Release, error) {
	rest, build, hasBuild := strings.Cut(input, "+")
	numbers, pre, hasPre := strings.Cut(rest, "-")
	major, rest, _ := strings.Cut(numbers, ".")
	minor, patch, _ := strings.Cut(rest, ".")
	release := Release{Pre: pre}
	valid := (!hasBuild || identifiers(build)) && (!hasPre || identifiers(pre)) &&
		releaseNumber(major, &release.Major) && releaseNumber(minor, &release.Minor) && releaseNumber(patch, &release.Patch)
	if !valid {
		return Release{}, fmt.Errorf("invalid release %q: want a semantic version such as 1.7.12 or 1.7.0-rc.1", input)
	}
	return release, nil
}

// releaseNumber reads one of the three numbers, which has no leading zero.
func releaseNumber(digits string, number *int) bool {
	value, ok := decimal(digits, math.MaxInt32)
	*number = int(value)
	return ok && (digits == "0" || digits[0] != '0')
}

// identifiers reports whether the text is a dot-separated list of names of letters, digits and hyphens.
func identifiers(list string) bool {
	for name := range strings.SplitSeq(list, ".") {
		if name == "" || strings.ContainsFunc(name, func(character rune) bool {
			return (character < '0' || character > '9') && (character < 'a' || character > 'z') &&
				(character < 'A' || character > 'Z') && character != '-'
		}) {
			return false
		}
	}
	return true
}

// IsZero reports whether the release is not known: the zero value, or "0.0.0-unknown", which Restate 1.6 and later
// show for a node that has not said what it runs.
func (release Release) IsZero() bool {
	return release.Major == 0 && release.Minor == 0 && release.Patch == 0
}

// Compare returns a number below, at or above 0 as the release is older than, equal to or newer than the other. A
// pre-release is older than its release; a release that is not known is older than all others.
func (release Release) Compare(other Release) int {
	return cmp.Or(
		cmp.Compare(release.Major, other.Major),
		cmp.Compare(release.Minor, other.Minor),
		cmp.Compare(release.Patch, other.Patch),
		comparePre(release.Pre, other.Pre),
	)
}

func comparePre(pre, other string) int {
	if pre == "" || other == "" {
		return cmp.Compare(len(other), len(pre)) // none is newer than any
	}
	return slices.CompareFunc(strings.Split(pre, "."), strings.Split(other, "."), func(name, other string) int {
		number, isNumber := decimal(name, math.MaxUint64)
		otherNumber, otherIsNumber := decimal(other, math.MaxUint64)
		switch {
		case isNumber && otherIsNumber:
			return cmp.Compare(number, otherNumber)
		case isNumber:
			return -1
		case otherIsNumber:
			return 1
		}
		return cmp.Compare(name, other)
	})
}

// AtLeast reports whether the release is the given one or newer. A pre-release of it is not. Neither is a release that is
// not known: ask IsZero where that makes a difference.
func (release Release) AtLeast(major, minor, patch int) bool {
	return release.Compare(Release{Major: major, Minor: minor, Patch: patch}) >= 0
}

// String returns the release as ParseRelease reads it.
func (release Release) String() string {
	printed := strconv.Itoa(release.Major) + "." + strconv.Itoa(release.Minor) + "." + strconv.Itoa(release.Patch)
	if release.Pre != "" {
		printed += "-" + release.Pre
	}
	return printed
}
