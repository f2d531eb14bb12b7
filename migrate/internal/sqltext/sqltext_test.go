package sqltext_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sequencer-go/seq/migrate/internal/sqltext"
)

// Statements of a text in each dialect, "" between them.
func statements(text string, d sqltext.Dialect, backslashes bool) []string {
	var list []string
	for st := range sqltext.Statements(sqltext.Scanner{Text: text, Dialect: d, Backslashes: backslashes}) {
		list = append(list, text[st.From:st.To])
	}
	return list
}

func TestStatements(t *testing.T) {
	const both = sqltext.Dialect(9)
	for _, tt := range []struct {
		d    sqltext.Dialect
		text string
		want []string
	}{
		{both, "", nil},
		{both, " \n;; -- a; b\n /* c; */ ;", nil},
		{both, "A;B", []string{"A", "B"}},
		{both, "A -- ;\n1 ; -- b;\nB ", []string{"A -- ;\n1", "B"}},
		{both, "A ';' \";\";B", []string{"A ';' \";\"", "B"}},
		{both, "A 'it''s;';B", []string{"A 'it''s;'", "B"}},
		{both, `A "x""y;";B`, []string{`A "x""y;"`, "B"}},
		{both, "A (1;2);B", []string{"A (1;2)", "B"}},
		{both, "A);B", []string{"A)", "B"}},
		{both, "A 'open;B", []string{"A 'open;B"}},
		{both, "A\r\n--b\r\n;C", []string{"A", "C"}},

		// Comments in comments.
		{sqltext.Postgres, "/* a /* b */ ;c */A;B", []string{"A", "B"}},
		{sqltext.SQLite, "/* a /* b */A;B", []string{"A", "B"}},
		{sqltext.Postgres, "/* x/*.sql */ A;B", nil},
		{sqltext.SQLite, "/* x/*.sql */ A;B", []string{"A", "B"}},
		{both, "/*/ A; */B", []string{"B"}},
		{both, "/**/B", []string{"B"}},

		// The end of a line.
		{sqltext.Postgres, "--a\rB;--c\rD", []string{"B", "D"}},
		{sqltext.SQLite, "--a\rB;--c\nD", []string{"D"}},

		// Names in brackets and backticks.
		{sqltext.SQLite, "A [it's; a] ;B", []string{"A [it's; a]", "B"}},
		{sqltext.SQLite, "A [[];B", []string{"A [[]", "B"}},
		{sqltext.SQLite, "A `b;``c;` ;B", []string{"A `b;``c;`", "B"}},
		{sqltext.Postgres, "A b[1];B", []string{"A b[1]", "B"}},

		// Strings with backslashes.
		{sqltext.Postgres, `A E'\';' ;B`, []string{`A E'\';'`, "B"}},
		{sqltext.Postgres, `A e'\\';B`, []string{`A e'\\'`, "B"}},
		{sqltext.Postgres, `A '\';B`, []string{`A '\'`, "B"}},
		{sqltext.Postgres, `A Name'\';B`, []string{`A Name'\'`, "B"}},
		{sqltext.Postgres, "A E'x'\n  '\\';' ;B", []string{"A E'x'\n  '\\';'", "B"}},
		{sqltext.Postgres, "A E'x'  '\\';B", []string{"A E'x'  '\\'", "B"}},
		{sqltext.SQLite, `A e'\';B`, []string{`A e'\'`, "B"}},
		{sqltext.Postgres, `A U&'\';B`, []string{`A U&'\'`, "B"}},

		// Bodies.
		{sqltext.Postgres, "A $$;$$;B", []string{"A $$;$$", "B"}},
		{sqltext.Postgres, "A $a$;$b$;$$;$a$;B", []string{"A $a$;$b$;$$;$a$", "B"}},
		{sqltext.Postgres, "A $ä$;$ä$;B", []string{"A $ä$;$ä$", "B"}},
		{sqltext.Postgres, "A x$a$;B$a$;C", []string{"A x$a$", "B$a$", "C"}},
		{sqltext.Postgres, "A $1$a$;$a$;B", []string{"A $1$a$;$a$", "B"}},
		{sqltext.SQLite, "A $a;B", []string{"A $a", "B"}},
		{sqltext.SQLite, "A $$;B", []string{"A $$", "B"}},

		// Bodies without quotes.
		{both, "CREATE TRIGGER t AFTER INSERT ON a BEGIN\nUPDATE b SET c = CASE WHEN 1 THEN 2 END; DELETE FROM d;\nEND;\nB", []string{"CREATE TRIGGER t AFTER INSERT ON a BEGIN\nUPDATE b SET c = CASE WHEN 1 THEN 2 END; DELETE FROM d;\nEND", "B"}},
		{both, "create temp trigger t BEGIN A; end /* x */ ; B", []string{"create temp trigger t BEGIN A; end", "B"}},
		{both, "CREATE TRIGGER t EXECUTE FUNCTION f();B", []string{"CREATE TRIGGER t EXECUTE FUNCTION f()", "B"}},
		{both, "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; SELECT CASE 1 WHEN 2 THEN 3 END; END; B", []string{"CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; SELECT CASE 1 WHEN 2 THEN 3 END; END", "B"}},
		{both, "BEGIN; A; END; B", []string{"BEGIN", "A", "END", "B"}},
	} {
		dialects := []sqltext.Dialect{tt.d}
		if tt.d == both {
			dialects = []sqltext.Dialect{sqltext.Postgres, sqltext.SQLite}
		}
		for _, d := range dialects {
			if got := statements(tt.text, d, false); !slices.Equal(got, tt.want) {
				t.Errorf("dialect %d: %q is\n%q, want\n%q", d, tt.text, got, tt.want)
			}
		}
		if sqltext.Alike(tt.text) && !slices.Equal(statements(tt.text, sqltext.Postgres, false), statements(tt.text, sqltext.SQLite, false)) {
			t.Errorf("%q is not read alike", tt.text)
		}
	}
	if got, want := statements(`A 'it\'s;';B`, sqltext.Postgres, true), []string{`A 'it\'s;'`, "B"}; !slices.Equal(got, want) {
		t.Errorf("with backslashes: got %q, want %q", got, want)
	}
}

func TestPlausible(t *testing.T) {
	for text, want := range map[string][2]bool{ // Postgres, SQLite
		"CREATE TABLE a (b int)":               {true, true},
		"/* schema/*.sql */ A":                 {false, true},
		"/* a /* b */ */ A":                    {true, false},
		"DO $$ BEGIN END $$":                   {true, false},
		"CREATE TABLE [it's] (b)":              {false, true},
		"CREATE TABLE `a` (b)":                 {false, true},
		`A E'it\'s'`:                           {true, false},
		"A 'open":                              {false, false},
		"A $$ open":                            {false, false},
		"SELECT '{a}'::text[] -- it's":         {true, true},
		"SELECT \"open":                        {false, false},
		"SELECT a FROM b WHERE c = 2*/* x */1": {true, true},
	} {
		for d, want := range want {
			if got := sqltext.Plausible(text, sqltext.Dialect(d)); got != want {
				t.Errorf("dialect %d: %q is plausible: %t, want %t", d, text, got, want)
			}
		}
	}
}

func TestMask(t *testing.T) {
	for _, tt := range []struct {
		text             string
		comments, quotes bool
		want             string
	}{
		{"A -- b\n'c' \"d\"", true, false, "A     \n'c' \"d\""},
		{"A /* b\n */ 'c\nd' E", true, true, "A     \n      \n   E"},
	} {
		got := sqltext.Mask(sqltext.Scanner{Text: tt.text}, tt.comments, tt.quotes)
		if got != tt.want || len(got) != len(tt.text) {
			t.Errorf("%q is %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestInside(t *testing.T) {
	for text, want := range map[string]string{"$a$ x $a$": " x ", "'it''s'": "it's", "E'a'": "a", "$$$$": "", "word": "word"} {
		s := sqltext.Scanner{Text: text}
		if got := s.Next().Inside(text); got != want {
			t.Errorf("%q holds %q, want %q", text, got, want)
		}
	}
}

// Whatever a text is, its tokens follow each other, its statements do not overlap, and what both
// dialects surely read alike they do.
func FuzzScan(f *testing.F) {
	for _, text := range []string{
		"A 'b' \"c\" -- d\n/* e /* f */ g */ $h$ i $h$ [j] `k` E'\\'' ; CREATE TRIGGER a BEGIN b; END; ( ; )",
		"$", "$1$", "E'", "e'a'\n'", "/*", "*/", "[", "--", "\\", "'", "\x00", "/*/*/00", "BEGIN ATOMIC CASE END END;",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var tokens [2][]sqltext.Token
		for d := range tokens {
			s := sqltext.Scanner{Text: text, Dialect: sqltext.Dialect(d)}
			at := 0
			for k := s.Next(); k.Kind != sqltext.End; k = s.Next() {
				if k.From < at || k.To <= k.From || k.To > len(text) || strings.Trim(text[at:k.From], " \t\n\r\f\v") != "" {
					t.Fatalf("dialect %d: token %+v after %d of %q", d, k, at, text)
				}
				if at = k.To; k.Kind == sqltext.String || k.Kind == sqltext.Body {
					_ = k.Inside(text)
				}
				tokens[d] = append(tokens[d], k)
			}
			at = 0
			for st := range sqltext.Statements(sqltext.Scanner{Text: text, Dialect: sqltext.Dialect(d)}) {
				if st.From < at || st.To <= st.From || st.Next < st.To || st.Next > len(text) {
					t.Fatalf("dialect %d: statement from %d to %d, next %d, after %d of %q", d, st.From, st.To, st.Next, at, text)
				}
				n := 0
				for range st.Tokens() {
					n++
				}
				if n != st.Len() {
					t.Fatalf("dialect %d: %d tokens, want %d, in %q", d, n, st.Len(), text[st.From:st.To])
				}
				at = st.Next
			}
			_ = sqltext.Plausible(text, sqltext.Dialect(d))
		}
		if sqltext.Alike(text) && !slices.Equal(statements(text, sqltext.Postgres, false), statements(text, sqltext.SQLite, false)) {
			t.Fatalf("%q is not read alike", text)
		}
	})
}
