package forecast

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ordinal.dev/ordinal/internal/plan"
)

// String is the forecast as text, for a person who is about to make the change.
func (f *Forecast) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "sts/%s in namespace %s: %s.\n", f.Name, f.Namespace, f.summary())
	section := func(title string, lines []string) {
		if len(lines) > 0 {
			fmt.Fprintf(&b, "\n%s:\n", title)
		}
		for _, line := range lines {
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	if !f.New && len(f.Fields) == 0 && len(f.Steps) > 0 {
		b.WriteString("The set itself does not change: this is under way.\n")
	}
	section("What changes in it", fieldLines(f.Fields))
	for _, t := range f.Templates {
		if t.Unknown {
			section("Nobody knows the template of "+which(t.Pods), []string{t.whyUnknown()})
		} else if !slices.Equal(t.Fields, f.templateFields()) {
			section(fmt.Sprintf("What changes for %s, at revision %s", which(t.Pods), t.Revision), fieldLines(t.Fields))
		}
	}
	section("What happens, in this order", numbered(f.lines()))
	if !f.Finishes {
		section("It does not come to rest", f.Waits)
	}
	section("Mind", slices.DeleteFunc(slices.Clone(f.Warnings), func(w string) bool { return slices.Contains(f.Waits, w) }))
	section("Assumed of pods as they are now", f.Assumed)
	if f.Changes() {
		fmt.Fprintf(&b, "\n%s\n", strings.Join(f.end(), "\n"))
	}
	return b.String()
}

func (t *Template) whyUnknown() string {
	if t.from != t.Revision {
		return "what revision " + t.Revision + " and their override made of them is not in the history and on the pods"
	}
	return "revision " + t.Revision + " is not in the history"
}

// summary is one line without its stop.
func (f *Forecast) summary() string {
	var words []string
	pods := func(names []string, verb string) {
		if len(names) > 0 {
			words = append(words, counted(len(names), "pod")+verbFor(len(names), verb))
		}
	}
	if f.New {
		words = append(words, "it is new")
	}
	pods(f.Restarted, "restart")
	if n := len(f.Changed); n > 0 {
		words = append(words, counted(n, "pod")+verbFor(n, "change")+" in place")
	}
	pods(f.Created, "start")
	pods(f.Removed, "go")
	made, lost := f.names("claim", plan.Create), f.names("claim", plan.Delete)
	if len(made) > 0 {
		words = append(words, counted(len(made), "claim")+" made")
	}
	if n := len(f.changedClaims()); n > 0 {
		words = append(words, counted(n, "claim")+verbFor(n, "change"))
	}
	if len(lost) > 0 {
		words = append(words, counted(len(lost), "claim")+" deleted with the data")
	}
	if n := len(f.names("service", plan.Create)); n > 0 {
		words = append(words, counted(n, "Service")+" made")
	}
	if !f.Finishes {
		if len(words) == 0 {
			words = append(words, "no pod restarts")
		}
		words = append(words, "and it does not come to rest")
	}
	switch {
	case len(words) > 0:
		return strings.Join(words, ", ")
	case len(f.Steps) > 0:
		return "no pod restarts"
	case len(f.Fields) > 0:
		return "nothing happens to its pods"
	}
	return "nothing happens"
}

// changedClaims are the claims of which something is asked.
func (f *Forecast) changedClaims() []string {
	var names []string
	for _, s := range f.Steps {
		if s.Claim != "" && !slices.Contains(names, s.Name) {
			names = append(names, s.Name)
		}
	}
	return names
}

func (f *Forecast) names(kind string, verb plan.Verb) []string {
	var names []string
	for _, s := range f.Steps {
		if s.Kind == kind && s.Verb == string(verb) {
			names = append(names, s.Name)
		}
	}
	return names
}

// templateFields is what changes in the template by the change itself.
func (f *Forecast) templateFields() []Field {
	return slices.DeleteFunc(slices.Clone(f.Fields), func(field Field) bool { return !strings.HasPrefix(field.Path, "spec.template.") })
}

// end says how things are in the end, in sentences.
func (f *Forecast) end() []string {
	words := fmt.Sprintf("In the end %d of %d pods are available", f.Available, f.Wanted)
	switch {
	case f.Current == f.Update:
		words += ", at revision " + f.Update
	case f.Update != "" && f.Finishes:
		words += fmt.Sprintf("; revision %s is rolled out as far as the strategy goes", f.Update)
	}
	if f.TakesSeconds > 0 {
		words += fmt.Sprintf(". With pods that are ready at once that takes %s", time.Duration(f.TakesSeconds)*time.Second)
	}
	all := []string{words + "."}
	if len(f.Untouched) > 0 {
		all = append(all, fmt.Sprintf("Nothing happens to %s.", which(f.Untouched)))
	}
	if len(f.Kept) > 0 {
		all = append(all, fmt.Sprintf("Claims that stay, with the data: %s.", which(f.Kept)))
	}
	return all
}

// line is one line about what happens together.
type line struct {
	Step
	names  []string
	claims []string // new ones
	reused []string // those that were there before a pod that was not
	again  bool     // pods that are deleted, and created next
}

// lines are the steps as a person would tell them: what is done together is one line, and
// so are pods that are deleted and created next.
func (f *Forecast) lines() []string {
	var all []line
	var claims []string
	for _, s := range f.Steps {
		if s.Kind == "claim" && s.Verb == string(plan.Create) {
			claims = append(claims, s.Name)
			continue
		}
		next := line{Step: s, names: []string{s.Name}, claims: claims}
		if claims = nil; slices.Contains(f.Created, s.Name) {
			next.reused = s.Reuses
		}
		if n := len(all) - 1; n >= 0 && all[n].takes(next) {
			all[n].names, all[n].claims = append(all[n].names, s.Name), append(all[n].claims, next.claims...)
			all[n].reused = append(all[n].reused, next.reused...)
			continue
		}
		all = append(all, next)
	}
	all = restarts(all)
	var text []string
	why := ""
	for _, l := range all {
		text = append(text, l.text(why))
		why = l.Why
	}
	if len(claims) > 0 { // of pods that are there
		text = append(text, "claims are made: "+strings.Join(claims, ", "))
	}
	return text
}

func (l line) takes(next line) bool {
	if l.Claim != "" && l.Claim == next.Claim { // one after the other
		return true
	}
	return l.Claim == next.Claim && l.Round == next.Round && l.Verb == next.Verb && l.Hook == next.Hook && l.Kind == next.Kind && (l.Why == next.Why || l.Verb == string(plan.Create) && l.Kind == "pod")
}

// restarts joins lines of pods that go and of the same pods that come next.
func restarts(all []line) []line {
	var joined []line
	for _, l := range all {
		n := len(joined) - 1
		if n >= 0 && l.Kind == "pod" && l.Verb == string(plan.Create) && joined[n].Verb == string(plan.Delete) && sameNames(joined[n].names, l.names) {
			joined[n].again, joined[n].claims = true, l.claims
			continue
		}
		joined = append(joined, l)
	}
	return joined
}

func sameNames(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// text is the line, without its reason where that is the one of the line before.
func (l line) text(before string) string {
	words := l.subject() + " " + l.verb()
	switch n := len(l.claims); {
	case n == 1:
		words += " with the new claim " + l.claims[0]
	case n > 1:
		words += " with the new claims " + which(l.claims)
	}
	if n := len(l.reused); n > 0 && len(l.claims) > 0 {
		words += " and what is in " + which(l.reused)
	} else if n > 0 {
		words += " with what is in " + which(l.reused)
	}
	if l.After != "" {
		words += ", once " + l.After
	}
	if why := l.reason(); why != "" && l.Why != before {
		words += ", because " + why
	}
	return words
}

func (l line) subject() string {
	switch l.Kind {
	case "pod":
		return which(l.names)
	case "service":
		return "Service " + which(l.names)
	}
	if l.Kind == "claim" && len(l.names) > 1 {
		return "claims " + which(l.names)
	}
	return l.Kind + " " + which(l.names)
}

func (l line) verb() string {
	verb := map[string]string{"create": "start", "delete": "stop", "update": "change", "adopt": "", "release": ""}[l.Verb]
	many := len(l.names)
	be := map[bool]string{true: "is ", false: "are "}[many == 1]
	switch {
	case l.again:
		verb = "restart"
	case l.Kind != "pod" && l.Verb == string(plan.Create):
		return be + "made"
	case l.Kind == "claim" && l.Verb == string(plan.Delete):
		return be + "deleted, with the data"
	case l.Kind != "pod" && l.Verb == string(plan.Delete):
		return be + "deleted"
	case l.Verb == markFailed:
		return be + "marked as failed"
	case l.Kind == "revision" && l.Verb == string(plan.Update):
		return "becomes the newest"
	case l.Claim != "" && many > 1:
		return "are asked one after the other to " + l.Claim
	case l.Claim != "":
		return "is asked to " + l.Claim
	case l.Kind == "claim" && l.Verb == string(plan.Update):
		return be + "given another owner"
	case l.Verb == string(plan.RunHook):
		return be + asked[l.Hook]
	case l.Verb == string(plan.Resize):
		return be + "resized in place"
	case l.InPlace:
		return be + "changed in place"
	case l.Verb == string(plan.Update):
		return be + "changed"
	case l.Verb == string(plan.Adopt):
		return be + "adopted"
	case l.Verb == string(plan.Release):
		return be + "released"
	}
	if many > 1 && l.again {
		return verb + " together"
	}
	return strings.TrimSpace(verbFor(many, verb))
}

// asked is what pods are asked by hooks.
var asked = map[string]string{
	plan.HandOverHook: "asked to hand over", plan.LeaveHook: "asked to leave for good", plan.CancelHook: "asked to stay",
	plan.JoinHook: "made a member",
}

// reason is why, without what goes without saying of a pod that starts.
func (l line) reason() string {
	if l.Kind != "pod" || l.Verb != string(plan.Create) {
		if rest, isOne := strings.CutPrefix(l.Why, "it "); isOne && len(l.names) > 1 {
			return "each " + rest
		}
		return l.Why
	}
	_, why, _ := strings.Cut(l.Why, " has no pod")
	return strings.TrimLeft(strings.TrimPrefix(why, ", and every pod before it is available"), ",; ")
}

func fieldLines(fields []Field) []string {
	var all []string
	for _, f := range fields {
		all = append(all, f.String())
	}
	return all
}

func numbered(lines []string) []string {
	var all []string
	for i, l := range lines {
		all = append(all, fmt.Sprintf("%2d. %s", i+1, l))
	}
	return all
}

// which names a few things, and counts the rest.
func which(names []string) string {
	const few = 8
	switch n := len(names); {
	case n == 1:
		return names[0]
	case n > few:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), n-few)
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// verbFor is a verb after a number of things: " restarts", " restart".
func verbFor(n int, verb string) string {
	switch {
	case n > 1:
		return " " + verb
	case verb == "go":
		return " goes"
	}
	return " " + verb + "s"
}
