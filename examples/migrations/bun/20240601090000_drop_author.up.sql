CREATE INDEX migrations_books_by_author ON migrations_books (author_id)

--bun:split

ALTER TABLE migrations_books DROP COLUMN author
