package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func TestPackedProgramUnpacksToItself(t *testing.T) {
	dir := t.TempDir()
	content := strings.Repeat("program ", 1000)
	binary := filepath.Join(t.TempDir(), "runc")
	if err := os.WriteFile(binary, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	e, err := pack(binary, dir)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := os.ReadFile(filepath.Join(dir, "runc.zst"))
	if err != nil {
		t.Fatal(err)
	}
	if e.name != "runc" || e.size != int64(len(content)) || e.packed != int64(len(packed)) {
		t.Errorf("entry %+v does not describe the file", e)
	}
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decoder.DecodeAll(packed, nil)
	if err != nil || string(got) != content {
		t.Errorf("unpacked %d bytes (%v), want the %d packed", len(got), err, len(content))
	}
}

func TestPayloadIsUpToDateOnlyWhenWholeAndFromTheSameInputs(t *testing.T) {
	dir := t.TempDir()
	for _, p := range programs {
		if err := os.WriteFile(filepath.Join(dir, p.name+packedSuffix), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if upToDate(dir, "a") {
		t.Error("up to date without a list")
	}
	if err := writeList(dir, "a", nil); err != nil {
		t.Fatal(err)
	}
	if !upToDate(dir, "a") {
		t.Error("not up to date although nothing changed")
	}
	if upToDate(dir, "b") {
		t.Error("up to date although the inputs changed")
	}
	if err := os.Remove(filepath.Join(dir, programs[0].name+packedSuffix)); err != nil {
		t.Fatal(err)
	}
	if upToDate(dir, "a") {
		t.Error("up to date although a program is missing")
	}
}

func TestAPayloadForAnotherMachineIsNotUpToDate(t *testing.T) {
	first, err := fingerprint(target{arch: "amd64"})
	if err != nil {
		t.Fatal(err)
	}
	if second, err := fingerprint(target{arch: "arm64"}); err != nil || first == second {
		t.Errorf("arm64's payload would be taken for amd64's (%v)", err)
	}
}
