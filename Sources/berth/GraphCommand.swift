#if Daemon
    import ArgumentParser
    import Glibc
    import Inspect
    import Lab
    import NetCore
    import Topology

    struct GraphCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "graph",
            abstract: "A picture of what now stands: network namespaces, devices, cables, gates.",
            discussion: """
                Without --lab, --host or --netns: the lab's world where one stands, else this host and its containers. Nothing is \
                changed. Over 12 namespaces, and in less than 80 columns, it is an indented tree.

                EXAMPLE
                  berth graph --netns /run/netns/a /run/netns/b --svg >picture.svg
                """)

        enum Form: String, EnumerableFlag {
            case ascii, json, dot, svg

            static func help(for value: Form) -> ArgumentHelp? {
                switch value {
                case .ascii: "Draw with ASCII alone."
                case .json: "What was read, for programs (docs/lab/graph.md)."
                case .dot: "For Graphviz."
                case .svg: "The picture as SVG."
                }
            }
        }

        @Flag(help: "The lab's world.")
        var lab = false
        @Flag(help: "This network namespace and those of berth's attachments.")
        var host = false
        @Option(
            parsing: .upToNextOption,
            help: ArgumentHelp("Network namespaces; the first is drawn outermost.", valueName: "path"))
        var netns: [String] = []
        @Flag(help: "Draw again when the kernel tells of a change; what changed has a * before it.")
        var watch = false
        @Flag(exclusivity: .exclusive)
        var form: Form?

        func validate() throws {
            if [lab, host, !netns.isEmpty].count(where: { $0 }) > 1 {
                throw ValidationError("take one of --lab, --host and --netns")
            }
            if watch, form != nil, form != .ascii {
                throw ValidationError("--watch draws in a terminal: leave --\(form?.rawValue ?? "") out")
            }
        }

        func run() throws {
            let source = try GraphSource(lab: lab, host: host, netns: netns)
            do {
                if watch { try follow(source) }
                print(try drawing(source), terminator: "")
            } catch let error as TopologyError {
                throw source.sentence(error)
            }
        }

        private func drawing(_ source: GraphSource) throws -> String {
            let map = try NetworkMap(reading: try source.subjects())
            return switch form {
            case .json: map.json.prettyText + "\n"
            case .dot: map.dot
            case .svg: map.picture.svg(title: source.title)
            case nil, .ascii: map.text(columns: GraphCommand.columns, margin: watch ? 2 : 0, ascii: form == .ascii)
            }
        }

        /// Until it is interrupted, or what it draws is gone.
        private func follow(_ source: GraphSource) throws -> Never {
            let isTerminal = isatty(1) == 1
            let isBold = isTerminal && (getenv("NO_COLOR").map { $0.pointee == 0 } ?? true)
            var before: String?
            while true {
                // Listening comes first: what changes while it is read is drawn next.
                let changes = try MapWatch(try source.subjects().map(\.reference))
                let now = try drawing(source)
                if now != before {
                    if isTerminal { print("\u{1b}[H\u{1b}[2J", terminator: "") } else if before != nil { print() }
                    print(ChangedLines.marked(now, since: before, bold: isBold), terminator: "")
                    fflush(nil)
                    before = now
                }
                while try !changes.wait(milliseconds: 60_000) {}
            }
        }

        /// COLUMNS, the terminal's, or 80.
        private static var columns: Int {
            if let text = getenv("COLUMNS"), let columns = Int(String(cString: text)), columns > 0 { return columns }
            var size = winsize()
            return ioctl(1, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
        }
    }
#endif
