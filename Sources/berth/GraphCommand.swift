#if Daemon
    import ArgumentParser
    import Inspect
    import NetCore

    struct GraphCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "graph",
            abstract: "A drawing of what now exists: the host, its bridges, cables and containers.")

        @Flag(help: "Draw with + - | and > alone.")
        var ascii = false

        func run() throws {
            let scene = try HostScene(of: try AttachmentList(of: .process))
            print(HostDrawing(scene, ascii: ascii).text, terminator: "")
        }
    }
#endif
