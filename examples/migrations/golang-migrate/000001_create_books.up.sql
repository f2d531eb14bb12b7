CREATE TABLE migrations_books (id BIGINT PRIMARY KEY, title VARCHAR NOT NULL);
CREATE INDEX migrations_books_by_title ON migrations_books (title);
