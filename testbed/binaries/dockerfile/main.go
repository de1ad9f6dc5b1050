// Command dockerfile reads a Dockerfile as BuildKit does, with its own parser, and prints every
// stage's instructions as JSON; a warning of its linter is an error.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

type stage struct {
	Name     string   `json:"name"`
	Base     string   `json:"base"`
	Commands []string `json:"commands"`
}

func main() {
	if err := read(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func read(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	parsed, err := parser.Parse(file)
	if err != nil {
		return err
	}
	for _, warning := range parsed.Warnings {
		return fmt.Errorf("%s", warning.Short)
	}
	var warned []string
	lint := linter.New(&linter.Config{Warn: func(rule, _, _, text string, _ []parser.Range) {
		warned = append(warned, rule+": "+text)
	}})
	read, arguments, err := instructions.Parse(parsed.AST, lint)
	if err != nil {
		return err
	}
	if len(warned) > 0 {
		return fmt.Errorf("%v", warned)
	}
	stages := []stage{}
	for _, each := range read {
		commands := []string{}
		for _, command := range each.Commands {
			text, ok := command.(fmt.Stringer)
			if !ok {
				return fmt.Errorf("no text of %s", command.Name())
			}
			commands = append(commands, text.String())
		}
		stages = append(stages, stage{each.Name, each.BaseName, commands})
	}
	names := map[string]string{}
	for _, command := range arguments {
		for _, argument := range command.Args {
			names[argument.Key] = argument.ValueString()
		}
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"stages": stages, "arguments": names})
}
