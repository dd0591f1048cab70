#if Daemon
    import ArgumentParser
    import Client
    import Glibc
    import Inspect
    import JSON
    import NetCore
    import Trace

    struct TraceReplay: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "replay",
            abstract: "Draws a saved journey, or lists the packets of a pcapng file.",
            discussion: """
                berth trace from client to 198.51.100.2:8080 --view json > lost.trace.json
                berth trace replay lost.trace.json --view diff
                berth trace replay lost.pcapng

                FILE is what --view json wrote, one journey or one a line, with any view; or pcapng, of berth's or of anybody's, as a \
                table of packets at devices. Exit codes: as of the trace that is drawn; 125 when the file cannot be read.
                """)

        @Argument(help: "A file; - is standard input.")
        var file: String

        @Option(help: "path, table, diff or json, of a journey.")
        var view: TraceView = .path

        @Flag(help: "Show the policies of chains, too, where no rule was met.")
        var verbose = false

        @Flag(help: "Draw with ASCII alone.")
        var ascii = false

        private static let limit = 256 << 20

        func run() throws {
            let name = file == "-" ? "standard input" : file
            let bytes: [UInt8]
            do throws(KernelError) {
                bytes = try Files.read(file == "-" ? "/dev/stdin" : file, limit: TraceReplay.limit)
            } catch {
                throw failed(name, error.description, fix: "name a file that you may read")
            }
            if PcapngReader.isPcapng(bytes) || bytes.first != UInt8(ascii: "{") && bytes.first != UInt8(ascii: "[") {
                return try table(bytes, name)
            }
            var worst: Int32 = 0
            for (number, journey) in try journeys(bytes, name).enumerated() {
                if number > 0, view != .json { try Output.line("") }
                try Output.write(
                    Array(view.text(journey, isVerbose: verbose, ascii: ascii).utf8), to: STDOUT_FILENO)
                worst = max(worst, journey.exitCode)
            }
            throw ExitCode(worst)
        }

        private func failed(_ name: String, _ cause: String, fix: String) -> ExitCode {
            StandardError.write(
                InspectError(.file, "cannot replay \(name)", cause: cause, fix: fix).description)
            return ExitCode(125)
        }

        private func table(_ bytes: [UInt8], _ name: String) throws {
            do throws(PcapngReader.Fault) {
                let text = CaptureTable(try PcapngReader(bytes)).text
                print(text, terminator: "")
            } catch {
                throw failed(
                    name, error.description,
                    fix: "give what berth trace --view json or --pcapng wrote, or another pcapng file")
            }
        }

        /// One, or one a line.
        private func journeys(_ bytes: [UInt8], _ name: String) throws -> [Journey] {
            let fix = "give what berth trace --view json or berth trace watch --view json wrote"
            do {
                if let whole = try? JSON(parsing: bytes) { return [try Journey(whole)] }
                let lines = bytes.split(separator: UInt8(ascii: "\n"))
                guard lines.count > 1, (try? JSON(parsing: Array(lines[0]))) != nil else {
                    return [try Journey(try JSON(parsing: bytes))]
                }
                return try lines.map { try Journey(try JSON(parsing: Array($0))) }
            } catch let error as TraceError {
                throw failed(name, error.description, fix: fix)
            } catch let error as JSONError {
                throw failed(name, "line \(error.line), column \(error.column): \(error.message)", fix: fix)
            }
        }
    }
#endif
