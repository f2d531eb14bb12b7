ALTER TABLE migrations_books DROP COLUMN author;
