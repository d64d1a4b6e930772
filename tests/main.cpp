// The main function of the tests, for Catch2 version 2 or 3.
#if __has_include(<catch2/catch_session.hpp>)
#include <catch2/catch_session.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#endif

int main(int count, char** arguments) { return Catch::Session().run(count, arguments); }
