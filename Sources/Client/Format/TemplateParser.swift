/// A part of a Go template (text/template), the subset that people give to `--format`.
indirect enum TemplateNode {
    case text(String)
    case output(Expression)
    case assign(String, Expression)
    case ifelse(Expression, [TemplateNode], [TemplateNode])
    case with(Expression, [TemplateNode], [TemplateNode])
    case range(key: String?, value: String?, Expression, [TemplateNode], [TemplateNode])

    indirect enum Expression {
        /// `.A.B`; empty for `.`.
        case field([String])
        /// `$x.A`; the first variable, `$`, has no name.
        case variable(String, [String])
        case string(String)
        case integer(Int64)
        case bool(Bool)
        case call(String, [Expression])
        /// `.Label "x"`.
        case method([String], [Expression])
        case access(Expression, [String])
    }
}

/// Reads a template's text.
struct TemplateParser {
    private var pieces: [Piece] = []
    private var at = 0

    enum Piece {
        case text(String)
        case action(String)
    }

    static func parse(_ text: String) throws(ClientError) -> [TemplateNode] {
        var parser = TemplateParser()
        parser.pieces = try split(text)
        let (nodes, end) = try parser.block()
        if let end { throw fault("{{\(end)}} closes nothing") }
        return nodes
    }

    static func fault(_ why: String) -> ClientError {
        ClientError(
            "--format cannot be read", by: why, fix: "write a Go template, as '{{.ID}} {{json .Labels}}', or json")
    }

    /// Text and actions; `{{-` and `-}}` take the white space beside them away.
    private static func split(_ text: String) throws(ClientError) -> [Piece] {
        let characters = Array(text.unicodeScalars)
        var pieces: [Piece] = []
        var plain = String.UnicodeScalarView()
        var index = 0
        var trims = false
        func isSpace(_ scalar: UnicodeScalar) -> Bool {
            scalar == " " || scalar == "\n" || scalar == "\t" || scalar == "\r"
        }
        while index < characters.count {
            guard characters[index] == "{", index + 1 < characters.count, characters[index + 1] == "{" else {
                if !(trims && plain.isEmpty && isSpace(characters[index])) { plain.append(characters[index]) }
                index += 1
                continue
            }
            index += 2
            var body = String.UnicodeScalarView()
            var quote: UnicodeScalar?
            var isClosed = false
            while index < characters.count {
                let scalar = characters[index]
                if let open = quote {
                    if scalar == "\\", open == "\"", index + 1 < characters.count {
                        body.append(scalar)
                        index += 1
                    } else if scalar == open {
                        quote = nil
                    }
                } else if scalar == "\"" || scalar == "`" {
                    quote = scalar
                } else if scalar == "}", index + 1 < characters.count, characters[index + 1] == "}" {
                    isClosed = true
                    break
                }
                body.append(characters[index])
                index += 1
            }
            guard isClosed else { throw fault("{{ is not closed") }
            index += 2
            if body.first == "-", body.count > 1, isSpace(body[body.index(after: body.startIndex)]) {
                body.removeFirst()
                while let last = plain.last, isSpace(last) { plain.removeLast() }
            }
            trims = false
            if body.last == "-", body.count > 1, isSpace(body[body.index(body.endIndex, offsetBy: -2)]) {
                body.removeLast()
                trims = true
            }
            if !plain.isEmpty { pieces.append(.text(String(plain))) }
            plain = String.UnicodeScalarView()
            pieces.append(.action(String(body)))
        }
        if !plain.isEmpty { pieces.append(.text(String(plain))) }
        return pieces
    }

    private enum Terminator {
        case end
        case otherwise
        case otherwiseIf(TemplateTokens)
    }

    /// Nodes up to what closes the block; nil at the text's end.
    private mutating func block() throws(ClientError) -> ([TemplateNode], Terminator?) {
        var nodes: [TemplateNode] = []
        while at < pieces.count {
            let piece = pieces[at]
            at += 1
            switch piece {
            case .text(let text): nodes.append(.text(text))
            case .action(let body):
                var tokens = try TemplateTokens(body)
                guard let first = tokens.peek else { continue }
                switch first {
                case .word("end"): return (nodes, .end)
                case .word("else"):
                    tokens.skip()
                    guard tokens.peek == .word("if") else { return (nodes, .otherwise) }
                    tokens.skip()
                    return (nodes, .otherwiseIf(tokens))
                case .word("if"), .word("with"), .word("range"):
                    tokens.skip()
                    nodes.append(try branch(first, tokens))
                case .variable(let name) where tokens.isAssignment:
                    tokens.skip()
                    tokens.skip()
                    nodes.append(.assign(name, try tokens.pipeline()))
                    try tokens.finish()
                default:
                    nodes.append(.output(try tokens.pipeline()))
                    try tokens.finish()
                }
            }
        }
        return (nodes, nil)
    }

    /// An `if`, `with` or `range` whose word is read already, up to its `end`.
    private mutating func branch(_ kind: TemplateTokens.Token, _ head: TemplateTokens) throws(ClientError)
        -> TemplateNode
    {
        var tokens = head
        var names: [String] = []
        if kind == .word("range"), let found = tokens.rangeVariables { names = found }
        let subject = try tokens.pipeline()
        try tokens.finish()
        let (body, terminator) = try block()
        var otherwise: [TemplateNode] = []
        switch terminator {
        case nil: throw Self.fault("an end is missing")
        case .end: break
        case .otherwiseIf(let nested): otherwise = [try branch(.word("if"), nested)]
        case .otherwise:
            let (nodes, last) = try block()
            guard case .end = last else { throw Self.fault("an end is missing") }
            otherwise = nodes
        }
        switch kind {
        case .word("if"): return .ifelse(subject, body, otherwise)
        case .word("with"): return .with(subject, body, otherwise)
        default:
            return .range(
                key: names.count == 2 ? names[0] : nil, value: names.last, subject, body, otherwise)
        }
    }
}
