/// What stands in an action, word by word.
struct TemplateTokens {
    enum Token: Hashable {
        /// A function's name or a key word.
        case word(String)
        /// `.`, `.A.B`.
        case field([String])
        /// `$x`, `$`; what follows a point is a token of its own.
        case variable(String)
        /// `.A` right behind a variable or a closing parenthesis.
        case access([String])
        case string(String)
        case integer(Int64)
        case open, close, pipe, comma, assign
    }

    private var tokens: [Token] = []
    private var at = 0

    var peek: Token? { at < tokens.count ? tokens[at] : nil }
    mutating func skip() { at += 1 }

    var isAssignment: Bool { at + 1 < tokens.count && tokens[at + 1] == .assign }

    /// The names of `$k, $v :=` or `$v :=`, stepped over; nil when there are none.
    var rangeVariables: [String]? {
        mutating get {
            var names: [String] = []
            var index = at
            while index + 1 < tokens.count, case .variable(let name) = tokens[index], names.count < 2 {
                names.append(name)
                if tokens[index + 1] == .assign {
                    at = index + 2
                    return names
                }
                guard tokens[index + 1] == .comma else { return nil }
                index += 2
            }
            return nil
        }
    }

    init(_ text: String) throws(ClientError) {
        let scalars = Array(text.unicodeScalars)
        var index = 0
        func isName(_ scalar: UnicodeScalar) -> Bool {
            scalar.properties.isAlphabetic || scalar == "_" || ("0"..."9").contains(scalar)
        }
        func name() -> String {
            var view = String.UnicodeScalarView()
            while index < scalars.count, isName(scalars[index]) {
                view.append(scalars[index])
                index += 1
            }
            return String(view)
        }
        func path() -> [String] {
            var names: [String] = []
            while index < scalars.count, scalars[index] == "." {
                index += 1
                let part = name()
                if !part.isEmpty { names.append(part) }
            }
            return names
        }
        while index < scalars.count {
            let scalar = scalars[index]
            let follows =
                index > 0 && (isName(scalars[index - 1]) || scalars[index - 1] == ")" || scalars[index - 1] == "$")
            switch scalar {
            case " ", "\t", "\n", "\r": index += 1
            case "(", ")", "|", ",":
                tokens.append(scalar == "(" ? .open : scalar == ")" ? .close : scalar == "|" ? .pipe : .comma)
                index += 1
            case ":" where index + 1 < scalars.count && scalars[index + 1] == "=":
                tokens.append(.assign)
                index += 2
            case "=":
                tokens.append(.assign)
                index += 1
            case ".": tokens.append(follows ? .access(path()) : .field(path()))
            case "$":
                index += 1
                tokens.append(.variable(name()))
            case "\"", "`":
                index += 1
                var view = String.UnicodeScalarView()
                while index < scalars.count, scalars[index] != scalar {
                    if scalar == "\"", scalars[index] == "\\", index + 1 < scalars.count {
                        index += 1
                        switch scalars[index] {
                        case "n": view.append("\n")
                        case "t": view.append("\t")
                        case "r": view.append("\r")
                        default: view.append(scalars[index])
                        }
                    } else {
                        view.append(scalars[index])
                    }
                    index += 1
                }
                guard index < scalars.count else { throw TemplateParser.fault("a string is not closed") }
                index += 1
                tokens.append(.string(String(view)))
            case "-", "0"..."9":
                index += 1
                var digits = String(scalar)
                while index < scalars.count, ("0"..."9").contains(scalars[index]) {
                    digits.unicodeScalars.append(scalars[index])
                    index += 1
                }
                guard let number = Int64(digits) else { throw TemplateParser.fault("\(digits) is no number") }
                tokens.append(.integer(number))
            default:
                let word = name()
                guard !word.isEmpty else { throw TemplateParser.fault("\(scalar) is not understood") }
                tokens.append(.word(word))
            }
        }
    }

    func finish() throws(ClientError) {
        if at < tokens.count { throw TemplateParser.fault("something follows in {{…}}") }
    }

    /// `a b | c d`: each command takes what came before as its last argument.
    mutating func pipeline() throws(ClientError) -> TemplateNode.Expression {
        var value = try command(piped: nil)
        while peek == .pipe {
            skip()
            value = try command(piped: value)
        }
        return value
    }

    private mutating func command(piped: TemplateNode.Expression?) throws(ClientError) -> TemplateNode.Expression {
        guard let first = peek else { throw TemplateParser.fault("{{}} asks for nothing") }
        var arguments: [TemplateNode.Expression] = []
        if case .word(let name) = first, name != "true", name != "false" {
            skip()
            while let argument = try operand() { arguments.append(argument) }
            return .call(name, arguments + (piped.map { [$0] } ?? []))
        }
        guard let value = try operand() else { throw TemplateParser.fault("a value is missing") }
        while let argument = try operand() { arguments.append(argument) }
        if case .field(let path) = value, !path.isEmpty, !arguments.isEmpty { return .method(path, arguments) }
        guard arguments.isEmpty, piped == nil else {
            throw TemplateParser.fault("a function is missing before a value")
        }
        return value
    }

    private mutating func operand() throws(ClientError) -> TemplateNode.Expression? {
        guard let token = peek else { return nil }
        var value: TemplateNode.Expression
        switch token {
        case .field(let path): value = .field(path)
        case .variable(let name): value = .variable(name, [])
        case .string(let text): value = .string(text)
        case .integer(let number): value = .integer(number)
        case .word(let word): value = word == "true" || word == "false" ? .bool(word == "true") : .call(word, [])
        case .open:
            skip()
            value = try pipeline()
            guard peek == .close else { throw TemplateParser.fault("a parenthesis is not closed") }
        case .close, .pipe, .comma, .assign, .access: return nil
        }
        skip()
        if case .access(let path)? = peek {
            skip()
            value = .access(value, path)
        }
        return value
    }
}
