import Foundation

/// The real program, in a lab of its own: its state and its sockets stand in a folder that is removed.
final class Berth {
    private let program: String
    private let folder: String
    private var view: Process?

    init(_ program: String) throws {
        guard FileManager.default.isExecutableFile(atPath: program) else {
            throw Failure("--berth \"\(program)\" is no program (make berth builds build/bin/berth)")
        }
        self.program = program
        folder = NSTemporaryDirectory() + "page-tests-lab-\(getpid())"
        for part in ["state", "run"] {
            try FileManager.default.createDirectory(atPath: "\(folder)/\(part)", withIntermediateDirectories: true)
        }
    }

    private func process(_ arguments: [String]) -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        var environment = ProcessInfo.processInfo.environment
        environment["XDG_STATE_HOME"] = "\(folder)/state"
        environment["XDG_RUNTIME_DIR"] = "\(folder)/run"
        environment["NO_COLOR"] = "1"
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        return process
    }

    /// Runs a command to its end, at most `seconds`; throws `Failure` with its words when it fails.
    @discardableResult
    func run(_ arguments: String..., seconds: Double = 30, mayFail: Bool = false) throws -> String {
        let process = process(arguments)
        let file = "\(folder)/output"
        _ = FileManager.default.createFile(atPath: file, contents: nil)
        let output = FileHandle(forWritingAtPath: file)
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let deadline = now() + seconds
        while process.isRunning {
            guard now() < deadline else {
                process.terminate()
                throw Failure("berth \(arguments.joined(separator: " ")) did not end in \(seconds) s")
            }
            usleep(20_000)
        }
        let words = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
        guard process.terminationStatus == 0 || mayFail else {
            throw Failure(
                "berth \(arguments.joined(separator: " ")): exit \(process.terminationStatus): \(words.suffix(400))")
        }
        return words
    }

    /// Starts `berth view` and gives the address that it prints.
    func startView(_ arguments: String...) throws -> String {
        let process = process(["view"] + arguments)
        let file = "\(folder)/view"
        _ = FileManager.default.createFile(atPath: file, contents: nil)
        process.standardOutput = FileHandle(forWritingAtPath: file)
        process.standardError = process.standardOutput
        try process.run()
        view = process
        let deadline = now() + 10
        while now() < deadline {
            let words = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
            if let place = words.range(of: #"http://127\.0\.0\.1:\d+/#t=\S+"#, options: .regularExpression) {
                return String(words[place])
            }
            guard process.isRunning else { throw Failure("berth view ended: \(words.suffix(400))") }
            usleep(20_000)
        }
        throw Failure("berth view printed no address in 10 s")
    }

    func killView() {
        guard let view, view.isRunning else { return }
        kill(view.processIdentifier, SIGKILL)
        view.waitUntilExit()
    }

    func end() {
        killView()
        _ = try? run("lab", "stop", mayFail: true)
        try? FileManager.default.removeItem(atPath: folder)
    }
}
