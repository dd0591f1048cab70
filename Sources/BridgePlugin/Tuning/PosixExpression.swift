import Glibc

/// An extended regular expression by the C library (man 3 regcomp): Swift's own would double the program.
struct PosixExpression: ~Copyable {
    private var compiled = regex_t()

    /// Nil when the text is no expression.
    init?(_ text: String) {
        var compiled = regex_t()
        guard regcomp(&compiled, text, REG_EXTENDED | REG_NOSUB) == 0 else { return nil }
        self.compiled = compiled
    }

    func matches(_ text: String) -> Bool { withUnsafePointer(to: compiled) { regexec($0, text, 0, nil, 0) == 0 } }

    deinit {
        var compiled = compiled
        regfree(&compiled)
    }
}
