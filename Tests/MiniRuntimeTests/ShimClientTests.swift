import Glibc
import JSON
import NetCore
import TestSupport
import Testing

@testable import MiniRuntime

@Suite("The client of berth-shim")
struct ShimClientTests {
    /// A runtime of one process that waits for start: what the client says, not what a container is, is tested here.
    private static let runtime = """
        #!/bin/sh
        root=$2
        shift 6
        verb=$1
        case $verb in
        create)
            [ "$6" = works ] || { echo 'exec: "x": executable file not found' >&2; exit 1; }
            mkfifo "$root/go"
            exec 3<&0
            sh -c 'read x <"$0/go"; read line; echo "got $line"; exit 3' "$root" <&3 3<&- &
            echo $! >"$5" ;;
        start) echo >"$root/go" ;;
        delete) rm -f "$root/go" ;;
        esac
        """

    @Test("launch, attach, start and wait; a failed launch has its code")
    func whole() throws {
        var template = Array("/tmp/berth-shim-XXXXXX".utf8CString)
        let path = try #require(mkdtemp(&template)).withMemoryRebound(to: CChar.self, capacity: 1) {
            String(cString: $0)
        }
        defer {
            for name in ["shim", "runtime", "exit.json", "go", "run/shim.pid"] { unlink("\(path)/\(name)") }
            rmdir("\(path)/run")
            rmdir(path)
        }
        let core = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined() + "/.build/debug/berth-core"
        try #require(Files.exists(core), "swift build --product berth-core first")
        symlink(core, "\(path)/shim")
        let program = "\(path)/berth-shim"
        symlink(core, program)
        defer { unlink(program) }
        #expect(try Files.create("\(path)/runtime", with: Array(ShimClientTests.runtime.utf8), mode: 0o755))
        var options = ShimOptions(
            id: "works", bundle: path, ociRoot: path, run: "\(path)/run", exit: "\(path)/exit.json")
        options.runtime = "\(path)/runtime"
        options.stdin = true
        try ShimProcess.launch(options, program: program)
        let socket = "\(path)/run/shim.sock"
        let ask = { (request: JSONObject) throws -> JSONObject in try ShimConnection(socket).request(request) }
        let state = try ask(["op": "state"])
        #expect(state["status"] == "created")
        #expect(ShimProcess.find(run: options.run) != nil)
        let attach = try ShimConnection(socket)
        let attached = try attach.request(["op": "attach", "stdin": true, "stdout": true, "stderr": true])
        #expect(attached["tty"] == false)
        let stream = attach.takeStream()
        let wait = try ShimConnection(socket)
        let started = try ask(["op": "start"])
        #expect(started["pid"]?.integer ?? 0 > 0)
        try Files.write(Array("word\n".utf8), to: stream.number, operation: "write")
        let said = try Files.read(stream.number, limit: 100, operation: "read")
        #expect(said == [1, 0, 0, 0, 0, 0, 0, 9] + Array("got word\n".utf8))
        let answer = try wait.request(["op": "wait"], seconds: nil)
        #expect(ExitRecord(answer)?.exitCode == 3)
        let hasEnded = wait.waitForEnd(seconds: 10)
        #expect(hasEnded)
        #expect(try ExitRecord(reading: options.exit) == ExitRecord(answer))
        #expect(ShimProcess.find(run: options.run) == nil)

        options.id = "fails"
        let error = try #require(throws: ShimError.self) { try ShimProcess.launch(options, program: program) }
        #expect(error.code == 127 && error.text.holds("executable file not found"))
    }
}
