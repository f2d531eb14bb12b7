package bunstore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/postgres"
	"github.com/sequencer-go/seq/store/sqlite"
)

// Every guard in the statements, and how it is broken. An @word stays, for its value.
var mutants = map[string][2]string{
	"a claim beside an open attempt":     {"WHERE {idle} AND o.attempt = excluded.attempt - 1", "WHERE o.attempt = excluded.attempt - 1"},
	"a claim of any attempt":             {"WHERE {idle} AND o.attempt = excluded.attempt - 1", "WHERE {idle}"},
	"a claim keeps the old saved state":  {"saved = CASE WHEN excluded.generation > o.generation THEN NULL ELSE o.saved END,", ""},
	"a claim forgets what was saved":     {"saved = CASE WHEN excluded.generation > o.generation THEN NULL ELSE o.saved END,", "saved = NULL,"},
	"a claim keeps the old progress":     {"done = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.done END,", ""},
	"a claim forgets the progress":       {"done = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.done END,", "done = 0,"},
	"a claim keeps the old total":        {"total = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.total END,", ""},
	"a claim forgets the total":          {"total = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.total END,", "total = 0,"},
	"a claim keeps the old best":         {"best = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.best END,", ""},
	"a claim forgets the best":           {"best = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.best END,", "best = 0,"},
	"a claim keeps the old failures":     {"failures = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.failures END,", ""},
	"a claim forgets the failures":       {"failures = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.failures END,", "failures = 0,"},
	"a claim keeps the old crashes":      {"crashes = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.crashes END", "crashes = o.crashes"},
	"a claim forgets the crashes":        {"crashes = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.crashes END", "crashes = 0"},
	"a claim forgets the checksum":       {"life = excluded.life, checksum = excluded.checksum,", "life = excluded.life,"},
	"a claim without a fence":            {"fence = excluded.fence, life = excluded.life,", "life = excluded.life,"},
	"a claim without the lease's name":   {"lease = excluded.lease, fence = excluded.fence,", "fence = excluded.fence,"},
	"a claim without a life":             {"fence = excluded.fence, life = excluded.life,", "fence = excluded.fence,"},
	"a claim is finished":                {"started = excluded.started, finished = NULL,", "started = excluded.started,"},
	"a claim ended as the one before":    {"direction = excluded.direction, ended = '',", "direction = excluded.direction,"},
	"a claim keeps the direction":        {"direction = excluded.direction, ended = '',", "ended = '',"},
	"a claim began with the one before":  {"token = excluded.token, started = excluded.started,", "token = excluded.token,"},
	"a claim keeps the owner":            {"owner = excluded.owner, executable = excluded.executable,", "executable = excluded.executable,"},
	"a claim keeps the binary":           {"owner = excluded.owner, executable = excluded.executable,", "owner = excluded.owner,"},
	"a mark beside an open attempt":      {"WHERE {idle} AND o.attempt = excluded.attempt AND {known}", "WHERE o.attempt = excluded.attempt AND {known}"},
	"a mark of any attempt":              {"WHERE {idle} AND o.attempt = excluded.attempt AND {known}", "WHERE {idle} AND {known}"},
	"a first mark of any attempt":        {"WHERE v_attempt = 0 OR EXISTS", "WHERE TRUE OR EXISTS"},
	"a mark forgets the place":           {"CASE WHEN excluded.seq = 0 THEN o.seq ELSE excluded.seq END", "excluded.seq"},
	"a mark sets no place":               {"CASE WHEN excluded.seq = 0 THEN o.seq ELSE excluded.seq END", "o.seq"},
	"a mark forgets the checksum":        {"CASE WHEN excluded.checksum = '' THEN o.checksum ELSE excluded.checksum END", "excluded.checksum"},
	"a mark forgets the fence":           {"CASE WHEN excluded.seq = 0 THEN o.fence ELSE 0 END", "0"},
	"a mark archives nothing":            {"AND o.started IS NOT NULL AND {idle} AND o.attempt = v_attempt AND {known}", "AND FALSE"},
	"a mark archives what it may not":    {"o.started IS NOT NULL AND {idle} AND o.attempt = v_attempt AND {known}", "o.started IS NOT NULL AND {idle}"},
	"a mark leaves the attempt":          {"token = NULL, started = NULL, finished = NULL, ended = '',", ""},
	"an outcome of any token":            {"WHERE o.token = excluded.token AND o.finished IS NULL", "WHERE o.finished IS NULL"},
	"an outcome of what is over":         {"WHERE o.token = excluded.token AND o.finished IS NULL", "WHERE o.token = excluded.token"},
	"an outcome of what is not there":    {"p.id = v_id {eachrow})\n\tON CONFLICT", "p.id = v_id {eachrow}) OR TRUE\n\tON CONFLICT"},
	"the dead of any epoch":              {"o.life = '' AND o.fence < @epoch", "o.life = '' AND o.fence < @epoch + 1000000000000000"},
	"the dead of this epoch":             {"o.life = '' AND o.fence < @epoch", "o.life = '' AND o.fence <= @epoch"},
	"the dead of any lease":              {"AND o.lease = @name AND {known}", "AND (TRUE OR o.lease = @name) AND {known}"},
	"the dead are those who live":        {"l.name = o.life AND l.holder IS NOT NULL AND l.expires > {now}", "l.name = o.life AND FALSE"},
	"a life has no end":                  {"l.name = o.life AND l.holder IS NOT NULL AND l.expires > {now}", "TRUE"},
	"a life that was given back lives":   {"l.name = o.life AND l.holder IS NOT NULL AND l.expires > {now}", "l.name = o.life"},
	"lives count as epochs do":           {"o.life = '' AND o.fence < @epoch OR", "o.fence < @epoch OR"},
	"the attempt stays open":             {"state = excluded.state, finished = {now},", "state = excluded.state,"},
	"an outcome forgets what was saved":  {"coalesce(excluded.saved, o.saved)", "excluded.saved"},
	"an outcome saves nothing":           {"coalesce(excluded.saved, o.saved)", "o.saved"},
	"how it ended is not told":           {"finished = {now}, ended = excluded.ended,", "finished = {now},"},
	"an outcome without its error":       {"ended = excluded.ended, error = excluded.error,", "ended = excluded.ended,"},
	"what was withdrawn loses its place": {"CASE WHEN excluded.ended = 'withdrawn' OR o.direction = 'by hand' AND", "CASE WHEN o.direction = 'by hand' AND"},
	"by hand it gets another place":      {"OR o.direction = 'by hand' AND o.seq <> 0 AND excluded.state IN ('succeeded', 'rolled-back') THEN", "THEN"},
	"by hand it gets no place":           {"o.direction = 'by hand' AND o.seq <> 0 AND excluded", "o.direction = 'by hand' AND excluded"},
	"by hand it keeps its place":         {"o.direction = 'by hand' AND o.seq <> 0 AND excluded.state IN ('succeeded', 'rolled-back')", "o.direction = 'by hand' AND o.seq <> 0"},
	"a rollback loses the place":         {"WHEN o.direction = 'rollback' THEN o.seq ELSE 0 END", "ELSE 0 END"},
	"a failure keeps the place":          {"WHEN o.direction = 'rollback' THEN o.seq ELSE 0 END", "ELSE o.seq END"},
	"crashes are not counted":            {"THEN o.crashes + 1", "THEN o.crashes"},
	"crashes are never forgotten":        {"WHEN excluded.ended IN ('interrupted', 'withdrawn') THEN o.crashes ELSE 0 END", "ELSE o.crashes END"},
	"an interruption forgets crashes":    {"excluded.ended IN ('interrupted', 'withdrawn') THEN o.crashes", "excluded.ended = 'withdrawn' THEN o.crashes"},
	"what was withdrawn forgets crashes": {"excluded.ended IN ('interrupted', 'withdrawn') THEN o.crashes", "excluded.ended = 'interrupted' THEN o.crashes"},
	"failures are not counted":           {"THEN o.failures + 1", "THEN o.failures"},
	"every attempt is a failure":         {"excluded.state IN ('failed', 'tolerated') AND excluded.ended IN ('', 'permanent')", "TRUE"},
	"an interruption is a failure":       {"excluded.ended IN ('', 'permanent')", "excluded.ended <> 'withdrawn'"},
	"what was withdrawn is a failure":    {"excluded.ended IN ('', 'permanent')", "excluded.ended <> 'interrupted'"},
	"a rollback is a failure":            {"WHEN o.direction = 'run' AND excluded.state IN", "WHEN excluded.state IN"},
	"by hand no failure is forgotten":    {"failures = CASE WHEN o.direction = 'by hand' THEN 0\n\t\t\tWHEN", "failures = CASE WHEN"},
	"what was withdrawn is not useless":  {"CASE WHEN excluded.ended = 'withdrawn' THEN o.permanent ELSE excluded.ended = 'permanent' END", "excluded.ended = 'permanent'"},
	"useless for ever":                   {"ELSE excluded.ended = 'permanent' END", "ELSE o.permanent OR excluded.ended = 'permanent' END"},
	"a save of any token":                {"SET saved = CAST(v_saved AS {blob}),\n\t\tcrashes = CASE WHEN o.saved IS NOT NULL AND o.saved = CAST(v_saved AS {blob}) THEN o.crashes ELSE 0 END\n\tFROM v\n\tWHERE o.ns = {ns} AND o.id = v_id AND o.token = v_token AND o.finished IS NULL", "SET saved = CAST(v_saved AS {blob})\n\tFROM v\n\tWHERE o.ns = {ns} AND o.id = v_id"},
	"the same saved again is progress":   {"CASE WHEN o.saved IS NOT NULL AND o.saved = CAST(v_saved AS {blob}) THEN o.crashes ELSE 0 END", "0"},
	"what is saved is no progress":       {"CASE WHEN o.saved IS NOT NULL AND o.saved = CAST(v_saved AS {blob}) THEN o.crashes ELSE 0 END", "o.crashes"},
	"headway of any token":               {"THEN 0 ELSE o.crashes END\n\tFROM v\n\tWHERE o.ns = {ns} AND o.id = v_id AND o.token = v_token AND o.finished IS NULL", "THEN 0 ELSE o.crashes END\n\tFROM v\n\tWHERE o.ns = {ns} AND o.id = v_id"},
	"headway is no progress":             {"crashes = CASE WHEN v_done > o.best THEN 0 ELSE o.crashes END", "crashes = o.crashes"},
	"headway is always progress":         {"crashes = CASE WHEN v_done > o.best THEN 0 ELSE o.crashes END", "crashes = 0"},
	"as far is further":                  {"WHEN v_done > o.best THEN", "WHEN v_done >= o.best THEN"},
	"the best is the last":               {"best = {greatest}(o.best, v_done)", "best = v_done"},
	"a lease that is held is taken":      {"WHERE l.holder IS NULL OR l.expires IS NULL OR l.expires <= {now}", "WHERE TRUE"},
	"a lease that was freed stays":       {"l.holder IS NULL OR l.expires IS NULL OR l.expires <= {now}", "l.expires < {now} - 1000"},
	"an epoch that stands still":         {"{greatest}(l.epoch + 1, {now})", "l.epoch"},
	"an epoch that follows the clock":    {"{greatest}(l.epoch + 1, {now})", "{now}"},
	"the owner of a lease before":        {"holder = excluded.holder, owner = excluded.owner,", "holder = excluded.holder,"},
	"anybody renews":                     {"expires = {now} + {ttl} WHERE ns = {ns} AND name = @name AND epoch = @epoch AND holder = @holder", "expires = {now} + {ttl} WHERE ns = {ns} AND name = @name AND (TRUE OR epoch = @epoch AND holder = @holder)"},
	"one renews for all":                 {"expires = {now} + {ttl} WHERE ns = {ns} AND name = @name AND epoch = @epoch AND holder = @holder", "expires = {now} + {ttl} WHERE ns = {ns} AND (TRUE OR name = @name) AND epoch = @epoch AND holder = @holder"},
	"anybody releases":                   {"expires = {now} WHERE ns = {ns} AND name = @name AND holder = @holder", "expires = {now} WHERE ns = {ns} AND name = @name AND (TRUE OR holder = @holder)"},
	"one releases for all":               {"expires = {now} WHERE ns = {ns} AND name = @name AND holder = @holder", "expires = {now} WHERE ns = {ns} AND (TRUE OR name = @name) AND holder = @holder"},
	"leases that nobody holds":           {"WHERE ns = {ns} AND holder IS NOT NULL AND expires > {now} ORDER BY name", "WHERE ns = {ns} ORDER BY name"},
	"an identity beside another lease":   {"WHERE ns = {ns} AND name <> @name AND holder IS NOT NULL", "WHERE ns = {ns} AND name <> @name AND holder IS NULL"},
	"a run that does not end":            {"epoch = excluded.epoch, finished = excluded.finished,", "epoch = excluded.epoch,"},
	"a run that keeps its state":         {"strategy = excluded.strategy, state = excluded.state,", "strategy = excluded.strategy,"},
	"runs in the order of their names":   {"SELECT coalesce(max(number), 0) + 1 FROM {runs}", "SELECT coalesce(max(number), 0) FROM {runs}"},
	"runs beyond the page":               {"AND number < @before ORDER BY number DESC LIMIT @limit", "ORDER BY number DESC LIMIT @limit"},
	"attempts in another order":          {"ORDER BY number DESC LIMIT @limit) AS a\n\tORDER BY number DESC", "ORDER BY number DESC LIMIT @limit) AS a\n\tORDER BY number"},
	"the last attempt is not told":       {"FROM {ops} WHERE ns = {ns} AND started IS NOT NULL", "FROM {ops} WHERE ns = {ns} AND FALSE"},
	"an attempt that was archived too":   {"FROM {ops} WHERE ns = {ns} AND started IS NOT NULL", "FROM {ops} WHERE ns = {ns}"},
	"attempts of another run":            {"AND run = @run AND (id, attempt) >", "AND (id, attempt) >"},
	"attempts of a run twice":            {"AND run = @run AND (id, number) > (@id, @number)", "AND run = @run"},
	"the young are pruned":               {"a.finished <= {now} - @age", "a.finished <= {now} + @age"},
	"what is in doubt is pruned":         {"AND o.state IN ({settled}) AND {known} AND {kept}", "AND {known} AND {kept}"},
	"an attempt of the run is pruned":    {"a.run <> o.run AND a.state <> 'indeterminate'", "a.state <> 'indeterminate'"},
	"a doubt is pruned":                  {"a.run <> o.run AND a.state <> 'indeterminate'", "a.run <> o.run"},
	"attempts of a run under way":        {"r.id = a.run AND r.state NOT IN ({final})", "r.id = a.run AND FALSE"},
	"no attempt of what is done":         {"(o.state IN ('succeeded', 'waived') OR a.run", "(a.run"},
	"the last attempt is pruned":         {"AND (o.started IS NOT NULL OR a.number < o.attempt)", ""},
	"the young runs are pruned":          {"r.finished <= {now} - @age", "r.finished <= {now} + @age"},
	"runs under way are pruned":          {"- @age AND r.state IN ({final})", "- @age"},
	"the latest runs are pruned":         {"WHERE ns = {ns}) - @keep", "WHERE ns = {ns}) - 0 * @keep"},
	"runs that an op rests on":           {"AND NOT (o.state IN ({settled}) AND {known})", "AND FALSE"},
	"leases are pruned":                  {"l.name LIKE 'life:%' AND", ""},
	"lives are pruned":                   {"AND l.expires <= {now} - @age", ""},

	"headway without its time":             {"best = {greatest}(o.best, v_done), moved = {now},", "best = {greatest}(o.best, v_done),"},
	"headway keeps its first time":         {"moved = {now},", "moved = coalesce(o.moved, {now}),"},
	"a claim keeps the time of headway":    {"moved = CASE WHEN excluded.generation > o.generation THEN NULL ELSE o.moved END,", ""},
	"a claim forgets the time of headway":  {"moved = CASE WHEN excluded.generation > o.generation THEN NULL ELSE o.moved END,", "moved = NULL,"},
	"the time of headway is not read":      {"AND best = 0 AND moved IS NULL AND lease", "AND best = 0 AND lease"},
	"a request of any number":              {"c.number = excluded.number - 1 AND c.wanted <> 'cancel'", "c.wanted <> 'cancel'"},
	"a request of a later number":          {"c.number = excluded.number - 1 AND", "c.number < excluded.number AND"},
	"a first request of any number":        {"WHERE @number = 1 OR EXISTS", "WHERE TRUE OR @number = 1 OR EXISTS"},
	"no request but the first":             {"@number = 1 OR EXISTS (SELECT 1 FROM {controls} AS p WHERE p.ns = {ns} AND p.id = @id)", "@number = 1"},
	"a cancel that is not final":           {"c.number = excluded.number - 1 AND c.wanted <> 'cancel'", "c.number = excluded.number - 1"},
	"a request keeps the number":           {"number = excluded.number, wanted = excluded.wanted,", "wanted = excluded.wanted,"},
	"a request keeps what was wanted":      {"number = excluded.number, wanted = excluded.wanted,", "number = excluded.number,"},
	"a request keeps the size":             {"size = excluded.size, rest = excluded.rest,", "rest = excluded.rest,"},
	"a request keeps the rest":             {"rest = excluded.rest, until = excluded.until,", "until = excluded.until,"},
	"a request keeps its end":              {"rest = excluded.rest, until = excluded.until,", "rest = excluded.rest,"},
	"a request keeps the actor":            {"actor = excluded.actor, reason = excluded.reason,", "reason = excluded.reason,"},
	"a request keeps the reason":           {"actor = excluded.actor, reason = excluded.reason,", "actor = excluded.actor,"},
	"a request keeps its time":             {"reason = excluded.reason, asked = excluded.asked\n", "reason = excluded.reason\n"},
	"anybody answers":                      {"WHERE EXISTS (SELECT 1 FROM {leases} AS l WHERE l.ns = {ns} AND l.name = @name AND l.epoch = @epoch AND l.holder = @holder", "WHERE EXISTS (SELECT 1 FROM {leases} AS l WHERE l.ns = {ns} AND (TRUE OR l.name = @name AND l.epoch = @epoch AND l.holder = @holder)"},
	"an answer under another epoch":        {"AND l.epoch = @epoch AND l.holder = @holder", "AND (TRUE OR l.epoch = @epoch) AND l.holder = @holder"},
	"an answer by another holder":          {"AND l.epoch = @epoch AND l.holder = @holder", "AND l.epoch = @epoch AND (TRUE OR l.holder = @holder)"},
	"an answer under another name":         {"l.name = @name AND l.epoch = @epoch", "(TRUE OR l.name = @name) AND l.epoch = @epoch"},
	"what was heard is forgotten":          {"heard = {greatest}(c.heard, {least}(@seen, c.number))", "heard = {least}(@seen, c.number)"},
	"what nobody asked is heard":           {"heard = {greatest}(c.heard, {least}(@seen, c.number))", "heard = {greatest}(c.heard, @seen)"},
	"nothing is heard":                     {"heard = {greatest}(c.heard, {least}(@seen, c.number))", "heard = c.heard"},
	"the same is heard again":              {"answered = CASE WHEN {least}(@seen, c.number) > c.heard", "answered = CASE WHEN {least}(@seen, c.number) >= c.heard"},
	"the time of what nobody asked":        {"answered = CASE WHEN {least}(@seen, c.number) > c.heard", "answered = CASE WHEN @seen > c.heard"},
	"an answer without a time":             {"answered = CASE WHEN {least}(@seen, c.number) > c.heard THEN {now} ELSE c.answered END,", ""},
	"the same note has another time":       {"noted = CASE WHEN c.note = excluded.note THEN c.noted ELSE {now} END", "noted = {now}"},
	"another note has the same time":       {"noted = CASE WHEN c.note = excluded.note THEN c.noted ELSE {now} END", "noted = c.noted"},
	"a note is kept":                       {"ELSE {now} END,\n\t\tnote = excluded.note", "ELSE {now} END,\n\t\tnote = c.note"},
	"no note has a time":                   {"CASE WHEN @note = '' THEN NULL ELSE {now} END", "{now}"},
	"one is revoked for all":               {"WHERE ns = {ns} AND name = @name AND holder IS NOT NULL AND {excluded}", "WHERE ns = {ns} AND (TRUE OR name = @name) AND holder IS NOT NULL AND {excluded}"},
	"what was revoked can be renewed":      {"SET holder = NULL, expires = {now}\n\tWHERE ns = {ns} AND name = @name AND holder IS NOT NULL AND {excluded}", "SET expires = {now}\n\tWHERE ns = {ns} AND name = @name AND holder IS NOT NULL AND {excluded}"},
	"what has expired is not revoked":      {"AND holder IS NOT NULL AND {excluded}", "AND holder IS NOT NULL AND expires > {now} AND {excluded}"},
	"a hold is not looked at":              {"LEFT JOIN {controls} AS c ON c.ns = {ns} AND c.id = @name", "LEFT JOIN {controls} AS c ON c.ns = {ns} AND c.id = @name AND FALSE"},
	"a hold of another lease is looked at": {"LEFT JOIN {controls} AS c ON c.ns = {ns} AND c.id = @name", "LEFT JOIN {controls} AS c ON c.ns = {ns} AND (TRUE OR c.id = @name)"},
	"a hold is late":                       {"c.id = @name AND c.wanted IN ('hold', 'stop')", "c.id = @name AND FALSE"},
	"only a stop is in time":               {"c.wanted IN ('hold', 'stop')", "c.wanted = 'stop'"},
	"only a hold is in time":               {"c.wanted IN ('hold', 'stop')", "c.wanted = 'hold'"},
	"any request keeps the lease":          {"AND c.wanted IN ('hold', 'stop')", ""},
	"a hold of another lease is in time":   {"c.ns = {ns} AND c.id = @name AND c.wanted IN", "c.ns = {ns} AND c.wanted IN"},
	"a hold that has ended":                {"(c.until IS NULL OR c.until > {now})", "(TRUE OR c.until > {now})"},
	"a hold without an end":                {"(c.until IS NULL OR c.until > {now})", "(c.until > {now})"},
	"a hold keeps its actor":               {"(c.actor = '' OR c.actor <> @actor)", "(TRUE OR c.actor <> @actor)"},
	"a hold keeps only others":             {"(c.actor = '' OR c.actor <> @actor)", "(c.actor <> @actor)"},
	"steered with any token":               {"o.id = @id AND o.token = @token AND o.finished IS NULL", "o.id = @id AND (TRUE OR o.token = @token) AND o.finished IS NULL"},
	"steered in what is over":              {"o.id = @id AND o.token = @token AND o.finished IS NULL", "o.id = @id AND o.token = @token"},
}

// onSQLite are the guards in the statements that only SQLite gets.
var onSQLite = map[string][2]string{
	"no authority":                     {"1 FROM {leases} WHERE ns = {ns} AND name = @name AND epoch = @epoch AND holder = @holder", "1 FROM {leases} WHERE ns = {ns} AND (TRUE OR name = @name AND epoch = @epoch AND holder = @holder)"},
	"authority of the epoch":           {"1 FROM {leases} WHERE ns = {ns} AND name = @name AND epoch = @epoch AND holder = @holder", "1 FROM {leases} WHERE ns = {ns} AND name = @name AND epoch = @epoch AND (TRUE OR holder = @holder)"},
	"authority of another name":        {"1 FROM {leases} WHERE ns = {ns} AND name = @name AND epoch = @epoch AND holder = @holder", "1 FROM {leases} WHERE ns = {ns} AND (TRUE OR name = @name) AND epoch = @epoch AND holder = @holder"},
	"atomic with any token":            {"SET tx = tx + 1 WHERE ns = {ns} AND id = @id AND token = @token AND finished IS NULL", "SET tx = tx + 1 WHERE ns = {ns} AND id = @id AND (TRUE OR token = @token) AND finished IS NULL"},
	"atomic of what is over":           {"SET tx = tx + 1 WHERE ns = {ns} AND id = @id AND token = @token AND finished IS NULL", "SET tx = tx + 1 WHERE ns = {ns} AND id = @id AND token = @token"},
	"one number for all":               {"v_order + coalesce(", "1 + coalesce("},
	"numbers from the beginning":       {"v_order + coalesce(", "v_order + 0 * coalesce("},
	"a first claim of any attempt":     {"WHERE v_attempt = 1 OR EXISTS", "WHERE TRUE OR EXISTS"},
	"steered by another's request":     {`|| c.heard FROM {controls} AS c WHERE c.ns = {ns} AND c.id = @id)`, `|| c.heard FROM {controls} AS c WHERE c.ns = {ns} AND (TRUE OR c.id = @id))`},
	"steered by another's actor":       {"(SELECT c.actor FROM {controls} AS c WHERE c.ns = {ns} AND c.id = @id)", "(SELECT c.actor FROM {controls} AS c WHERE c.ns = {ns} AND (TRUE OR c.id = @id))"},
	"steered for another's reason":     {"(SELECT c.reason FROM {controls} AS c WHERE c.ns = {ns} AND c.id = @id)", "(SELECT c.reason FROM {controls} AS c WHERE c.ns = {ns} AND (TRUE OR c.id = @id))"},
	"a claim archives nothing":         {"AND o.started IS NOT NULL AND {idle} AND o.attempt = v_attempt - 1 AND {known}", "AND FALSE"},
	"a claim archives what it may not": {"o.started IS NOT NULL AND {idle} AND o.attempt = v_attempt - 1 AND {known}", "o.started IS NOT NULL AND {idle}"},
}

// onPostgres are the guards in the statements that only Postgres gets.
var onPostgres = map[string][2]string{
	"no authority":                             {"AND name = @name AND epoch = @epoch AND holder = @holder FOR KEY SHARE", "AND (TRUE OR name = @name AND epoch = @epoch AND holder = @holder) FOR KEY SHARE"},
	"authority of the epoch":                   {"AND name = @name AND epoch = @epoch AND holder = @holder FOR KEY SHARE", "AND name = @name AND epoch = @epoch AND (TRUE OR holder = @holder) FOR KEY SHARE"},
	"single: no authority":                     {"AND name = @name AND epoch = @epoch AND holder = @holder\n\t\tAND (SELECT", "AND (TRUE OR name = @name AND epoch = @epoch AND holder = @holder)\n\t\tAND (SELECT"},
	"single: authority of the epoch":           {"AND epoch = @epoch AND holder = @holder\n\t\tAND (SELECT", "AND epoch = @epoch AND (TRUE OR holder = @holder)\n\t\tAND (SELECT"},
	"single: authority of another name":        {"AND name = @name AND epoch = @epoch AND holder = @holder\n\t\tAND (SELECT", "AND (TRUE OR name = @name) AND epoch = @epoch AND holder = @holder\n\t\tAND (SELECT"},
	"single: a first claim of any":             {"k.k_attempt = 1 OR there.id IS NOT NULL", "TRUE OR there.id IS NOT NULL"},
	"single: a claim without a lease":          {"FROM k LEFT JOIN there ON there.id = k_id, lease", "FROM k LEFT JOIN there ON there.id = k_id"},
	"single: archived without a lease":         {"FROM there AS o, lease", "FROM there AS o"},
	"single: a claim archives nothing":         {"WHERE o.started IS NOT NULL AND {idle} AND o.attempt = o.k_attempt - 1 AND {known}", "WHERE FALSE"},
	"single: a claim archives what it may not": {"WHERE o.started IS NOT NULL AND {idle} AND o.attempt = o.k_attempt - 1 AND {known}", "WHERE o.started IS NOT NULL AND {idle}"},
	"atomic with any token":                    {"AND id = @id AND token = @token AND finished IS NULL FOR UPDATE", "AND id = @id AND (TRUE OR token = @token) AND finished IS NULL FOR UPDATE"},
	"atomic of what is over":                   {"AND id = @id AND token = @token AND finished IS NULL FOR UPDATE", "AND id = @id AND token = @token FOR UPDATE"},
	"steered by another's request":             {"LEFT JOIN {controls} AS c ON c.ns = {ns} AND c.id = @id", "LEFT JOIN {controls} AS c ON c.ns = {ns} AND (TRUE OR c.id = @id)"},
	"steered by nobody":                        {"LEFT JOIN {controls} AS c ON c.ns = {ns} AND c.id = @id", "LEFT JOIN {controls} AS c ON c.ns = {ns} AND c.id = @id AND FALSE"},
	"steered only if asked":                    {"FROM {ops} AS o LEFT JOIN {controls}", "FROM {ops} AS o JOIN {controls}"},
	"a record in any transaction":              {"CASE WHEN txid_current() <> @number THEN", "CASE WHEN txid_current() <> @number AND FALSE THEN"},
	"a commit without the record":              {"WHEN (SELECT count(*) FROM closed) <> 1 THEN", "WHEN (SELECT count(*) FROM closed) > 1 THEN"},
	"one number for all":                       {"ELSE 0 END AS v_number", "ELSE 0 END * 0 + 1 AS v_number"},
}

// open opens a ledger of its own: on SQLite, or on the server that SEQ_TEST_MUTANTS_DSN names.
func open(tb testing.TB) *bunstore.Store {
	tb.Helper()
	var s *bunstore.Store
	var err error
	if dsn := os.Getenv("SEQ_TEST_MUTANTS_DSN"); dsn != "" {
		s, err = postgres.Open(dsn, bunstore.Prefix("m"+strings.ToLower(rand.Text())+"_"))
	} else {
		s, err = sqlite.Open(":memory:")
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

// theirs are the mutants of the database that is tested.
func theirs() map[string][2]string {
	all := maps.Clone(onSQLite)
	if os.Getenv("SEQ_TEST_MUTANTS_DSN") != "" {
		all = maps.Clone(onPostgres)
	}
	maps.Copy(all, mutants)
	return all
}

// TestContract is what a mutant must not survive: the conformance suite, and what it cannot ask
// of a store that is not in a database.
func TestContract(t *testing.T) {
	if name := os.Getenv("SEQ_TEST_MUTANT"); name != "" {
		m := theirs()[name]
		bunstore.Mutate(m[0], m[1])
	}
	seqtest.TestStore(t, func(tb testing.TB) store.Store { return open(tb) })
	t.Run("leases expire", func(t *testing.T) {
		s := open(t)
		set := func(query string) {
			t.Helper()
			if _, err := s.DB().ExecContext(t.Context(), query); err != nil {
				t.Fatal(err)
			}
		}
		acquire := func() store.Lease {
			t.Helper()
			lease, err := s.Acquire(t.Context(), store.RunLease, store.Owner{})
			if err != nil {
				t.Fatal(err)
			}
			return lease
		}
		first := acquire()
		set(`UPDATE ` + s.Table("leases") + ` SET expires = 1`)
		if err := s.Renew(t.Context(), first); err != nil { // nobody has taken it
			t.Fatal(err)
		}
		if _, err := s.Acquire(t.Context(), store.RunLease, store.Owner{}); !errors.Is(err, store.ErrLeaseHeld) {
			t.Fatalf("after the renewal: %v", err)
		}
		set(`UPDATE ` + s.Table("leases") + ` SET expires = 1, epoch = 9000000000000000`)
		if next := acquire(); next.Epoch != 9000000000000001 {
			t.Errorf("epoch %d after 9000000000000000", next.Epoch)
		}
	})
	t.Run("what has expired is revoked", func(t *testing.T) {
		s := open(t)
		lease, err := s.Acquire(t.Context(), store.RunLease, store.Owner{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.DB().ExecContext(t.Context(), `UPDATE `+s.Table("leases")+` SET expires = 1`); err != nil {
			t.Fatal(err)
		}
		if err := s.Revoke(t.Context(), store.RunLease); err != nil {
			t.Fatal(err)
		}
		if err := s.Renew(t.Context(), lease); !errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("Renew: %v, want %v", err, store.ErrLeaseLost)
		}
	})
	t.Run("a hold is in time at the last moment", func(t *testing.T) {
		for _, wanted := range []store.Wanted{store.WantHold, store.WantStop} {
			for name, c := range map[string]store.Control{
				"for good": {Actor: "ann"}, "until later": {Actor: "ann", Until: time.Now().Add(time.Hour)}, "by nobody": {},
			} {
				s := open(t)
				c.ID, c.Number, c.Wanted = store.RunLease, 1, wanted
				hook := &overtaken{do: func(ctx context.Context) {
					if err := s.Ask(ctx, c); err != nil {
						t.Error(err)
					}
				}}
				var held *store.LeaseError
				_, err := s.On(s.DB().WithQueryHook(hook)).Acquire(t.Context(), store.RunLease, store.Owner{})
				if !errors.As(err, &held) || held.Held == nil || held.Held.Wanted != wanted {
					t.Errorf("%s %s: %v", wanted, name, err)
				}
			}
		}
	})
	if os.Getenv("SEQ_TEST_MUTANTS_DSN") != "" {
		t.Run("nothing is committed without the record", notWithoutTheRecord)
	}
	t.Run("a lease is taken once", func(t *testing.T) {
		s := open(t)
		by := s.On(s.DB())
		hook := &overtaken{do: func(ctx context.Context) { _, _ = by.Acquire(ctx, store.RunLease, store.Owner{Host: "faster"}) }}
		s = s.On(s.DB().WithQueryHook(hook))
		var held *store.LeaseError
		if _, err := s.Acquire(t.Context(), store.RunLease, store.Owner{}); !errors.As(err, &held) || held.Holder.Host != "faster" {
			t.Errorf("got %v, want %v", err, store.ErrLeaseHeld)
		}
	})
}

// notWithoutTheRecord is asked of Postgres only: SQLite looks for a savepoint instead.
func notWithoutTheRecord(t *testing.T) {
	s := open(t)
	lease, err := s.Acquire(t.Context(), store.RunLease, store.Owner{})
	if err != nil {
		t.Fatal(err)
	}
	for id, end := range map[string]string{"ended": `COMMIT; BEGIN`, "closed": `UPDATE ` + s.Table("ops") + ` SET finished = 1 WHERE id = 'closed'`} {
		c := store.Claim{ID: id, Token: store.NewToken(), Attempt: 1, Generation: 1}
		if refused, err := s.Write(t.Context(), lease, store.Batch{Claims: []store.Claim{c}}); err != nil || len(refused) > 0 {
			t.Fatalf("refused %v, %v", refused, err)
		}
		_, err := s.Atomic(t.Context(), lease, c, func(ctx context.Context) (store.Batch, error) {
			_, err := bunstore.Tx(ctx).ExecContext(ctx, end)
			return store.Batch{Outcomes: []store.Outcome{{ID: id, Token: c.Token, State: store.Succeeded}}}, err
		})
		if want := map[string]error{"ended": store.ErrTxBroken, "closed": store.ErrFenced}[id]; !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", id, err, want)
		}
	}
}

// overtaken lets somebody else do something at the last moment before the lease is taken.
type overtaken struct {
	once sync.Once
	do   func(context.Context)
}

func (o *overtaken) BeforeQuery(ctx context.Context, event *bun.QueryEvent) context.Context {
	if strings.Contains(event.Query, "INSERT INTO") && strings.Contains(event.Query, `leases"`) {
		first := false
		o.once.Do(func() { first = true })
		if first {
			o.do(ctx)
		}
	}
	return ctx
}

func (o *overtaken) AfterQuery(context.Context, *bun.QueryEvent) {}

// TestNoMutantSurvives breaks one guard at a time, in a process of its own. Under the race detector,
// which has nothing to find here and takes its time, it does a quarter of them.
func TestNoMutantSurvives(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	names := slices.Sorted(maps.Keys(theirs()))
	if underRace {
		for i := range len(names) / 4 {
			names[i] = names[4*i]
		}
		names = names[:len(names)/4]
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestContract$", "-test.failfast")
			cmd.Env = append(os.Environ(), "SEQ_TEST_MUTANT="+name)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatal("it survived")
			}
			// It must be found out by what it does, not by a statement that cannot be run.
			if text := string(out); !strings.Contains(text, "--- FAIL: TestContract") || strings.Contains(text, "syntax error") {
				t.Errorf("%s", text)
			}
		})
	}
}
