// Renders the templates of standard input with Go's own packages: what ours is compared with.
// One JSON object a line: {"mode": "text"|"html", "template": "…"}; answers {"out": "…", "failed": bool}.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	html "html/template"
	"os"
	"sort"
	"strings"
	"text/template"
	"time"
)

type question struct{ Mode, Template string }

type answer struct {
	Out    string `json:"out"`
	Failed bool   `json:"failed"`
	Error  string `json:"error"`
}

type labels map[string]string

func (l labels) Names() []string {
	var names []string
	for name := range l {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (l labels) With(name, value string) labels {
	all := labels{name: value}
	for k, v := range l {
		all[k] = v
	}
	return all
}

type pair struct{ Name, Value string }

type data struct {
	Int    int
	Zero   int
	Neg    int
	Float  float64
	Big    float64
	Small  float64
	Text   string
	Empty  string
	Markup string
	Link   string
	Yes    bool
	No     bool
	Nil    any
	Texts  []string
	None   []string
	List   []any
	Map    map[string]string
	Any    map[string]any
	Labels labels
	Pair   pair
	Pairs  []pair
	Wait   time.Duration
	At     time.Time
}

func values() data {
	return data{
		Int: 42, Neg: -7, Float: 3.25, Big: 12345678.9, Small: 0.00001234,
		Text: "héllo wörld", Markup: `<b class="x">A&B's</b>`, Link: "https://example.com/a b?q=1&r=ü#f",
		Yes: true, None: []string{}, Texts: []string{"a", "b", "c"}, List: []any{1, "two", 3.5, nil, true, []any{1, 2}},
		Map: map[string]string{"b": "2", "a": "1"}, Any: map[string]any{"n": 1, "t": "x", "m": map[string]any{"k": "v"}},
		Labels: labels{"job": "web", "alertname": "Down"}, Pair: pair{"k", "v"}, Pairs: []pair{{"a", "1"}, {"b", "2"}},
		Wait: 90*time.Minute + 1500*time.Millisecond, At: time.Date(2024, time.February, 3, 4, 5, 6, 7000000, time.UTC),
	}
}

func functions() template.FuncMap {
	return template.FuncMap{
		"toUpper":  strings.ToUpper,
		"join":     func(by string, all []string) string { return strings.Join(all, by) },
		"safeHtml": func(text string) html.HTML { return html.HTML(text) },
		"safeUrl":  func(text string) html.URL { return html.URL(text) },
		"fail":     func() (string, error) { return "", fmt.Errorf("failed") },
		"list":     func(all ...any) []any { return all },
	}
}

func render(q question) (out string, err error) {
	var b strings.Builder
	if q.Mode == "html" {
		t, err := html.New("case").Option("missingkey=zero").Funcs(html.FuncMap(functions())).Parse(q.Template)
		if err != nil {
			return "", err
		}
		return func() (string, error) { err := t.Execute(&b, values()); return b.String(), err }()
	}
	t, err := template.New("case").Option("missingkey=zero").Funcs(functions()).Parse(q.Template)
	if err != nil {
		return "", err
	}
	err = t.Execute(&b, values())
	return b.String(), err
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for in.Scan() {
		var q question
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			panic(err)
		}
		text, err := render(q)
		a := answer{Out: text}
		if err != nil {
			a = answer{Failed: true, Error: err.Error()}
		}
		if err := out.Encode(a); err != nil {
			panic(err)
		}
	}
}
