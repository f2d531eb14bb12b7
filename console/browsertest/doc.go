// Package browsertest holds the tests that open the console in a real browser: that pages keep
// themselves current, that markup in an error stays text, that the keyboard is enough, that
// scripts are not needed. They drive a headless Chromium, of which Debian's package will do;
// without one they are skipped, or fail if SEQ_TEST_REQUIRE lists "chromium".
//
// It is a module of its own, so that nobody who uses the library downloads the driver.
package browsertest
