// Command dashboard reads a Grafana dashboard as Grafana's own SDK does, strictly (a field that it
// does not know is an error), and each query with Prometheus' own parser; prints the queries as JSON.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/prometheus/prometheus/promql/parser"
)

type query struct {
	Panel string `json:"panel"`
	Expr  string `json:"expr"`
}

// Grafana puts its own words in before it asks.
var grafanas = strings.NewReplacer("$__rate_interval", "1m", "$__interval", "15s", "$__range", "1h")

func main() {
	if err := read(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func read(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	plugins.RegisterDefaultPlugins()
	board := dashboard.Dashboard{}
	// The SDK gives back an empty list of errors where a part of a panel was read without one.
	if err := board.UnmarshalJSONStrict(text); err != nil && err.Error() != "" {
		return err
	}
	if err := board.Validate(); err != nil {
		return err
	}
	raw := struct {
		Panels []struct {
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}{}
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	queries := []query{}
	for _, panel := range raw.Panels {
		for _, target := range panel.Targets {
			expr := grafanas.Replace(target.Expr)
			if _, err := parser.ParseExpr(expr); err != nil {
				return fmt.Errorf("%s: %s: %w", panel.Title, expr, err)
			}
			queries = append(queries, query{panel.Title, expr})
		}
	}
	return json.NewEncoder(os.Stdout).Encode(queries)
}
