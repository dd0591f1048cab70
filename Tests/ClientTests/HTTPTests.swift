import Glibc
import JSON
import Testing

@testable import Client

/// A client against a server that says what it is told to say, on a real socket.
@Suite struct HTTPTests {
    private final class Server {
        let path: String
        private let thread: pthread_t

        final class Script {
            let descriptor: Int32
            let answer: [UInt8]
            init(_ descriptor: Int32, _ answer: [UInt8]) {
                self.descriptor = descriptor
                self.answer = answer
            }
        }

        /// Takes one connection, reads a request's head, says the answer in small pieces, closes.
        init(_ answer: String) throws {
            var name = Array("/tmp/berth-http-XXXXXX".utf8CString)
            path = String(cString: mkdtemp(&name)) + "/s"
            let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            let bytes = Array(path.utf8)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
            let bound = withUnsafePointer(to: address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            try #require(bound == 0 && listen(descriptor, 1) == 0)
            var thread = pthread_t()
            let script = Unmanaged.passRetained(Script(descriptor, Array(answer.utf8)))
            pthread_create(
                &thread, nil,
                { argument in
                    let script = Unmanaged<Script>.fromOpaque(argument!).takeRetainedValue()
                    let connection = accept(script.descriptor, nil, nil)
                    var room = [UInt8](repeating: 0, count: 4096)
                    _ = recv(connection, &room, room.count, 0)
                    for start in stride(from: 0, to: script.answer.count, by: 5) {
                        let part = Array(script.answer[start..<min(start + 5, script.answer.count)])
                        _ = send(connection, part, part.count, Int32(MSG_NOSIGNAL))
                    }
                    close(connection)
                    close(script.descriptor)
                    return nil
                }, script.toOpaque())
            self.thread = thread
        }

        deinit {
            pthread_join(thread, nil)
            unlink(path)
            rmdir(String(path.dropLast(2)))
        }
        var daemon: Daemon { Daemon(.unix(path)) }
    }

    @Test func chunksAreJoined() throws {
        let server = try Server(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A:  b\r\n\r\n7;x=y\r\n{\"a\":[1\r\n3\r\n,2]\r\n1\r\n}\r\n0\r\nT: 1\r\n\r\n"
        )
        let response = try server.daemon.request("GET", "/x")
        #expect(response.headers["x-a"] == "b")
        #expect(try response.json().text == #"{"a":[1,2]}"#)
    }

    @Test func aStreamOfValuesNeedsNoLines() throws {
        let server = try Server("HTTP/1.1 200 OK\r\n\r\n{\"a\":\"}\\\"{\"}{\"b\":{}}\n\n{\"c\":1}")
        var lines = JSONLines(try server.daemon.request("GET", "/x"))
        var found: [String] = []
        while let value = try lines.next() { found.append(value.text) }
        #expect(found == [#"{"a":"}\"{"}"#, #"{"b":{}}"#, #"{"c":1}"#])
    }

    @Test func aCutAnswerIsAnError() throws {
        for answer in [
            "", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
            "SSH-2.0\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ] {
            let server = try Server(answer)
            #expect(throws: ClientError.self) { try server.daemon.request("GET", "/x").bytes() }
        }
    }

    @Test func aRefusalSaysWhatByWhomAndHowToMendIt() throws {
        let server = try Server(
            "HTTP/1.1 404 Not Found\r\nContent-Length: 36\r\n\r\n{\"message\":\"No such container: web\"}\n")
        let error = try #require(throws: ClientError.self) { try server.daemon.request("GET", "/x") }
        #expect(error.status == 404)
        #expect(
            error.description
                == "berth: No such container: web\n  by: the daemon at unix://\(server.path) (404)\n  fix: see which there are: berth ps -a\n"
        )
    }

    @Test func theDaemonsOwnRemedyIsKept() {
        let error = Refusal.error(
            "port 8080/tcp is already in use\n  by: nginx (pid 1)\n  fix: stop it", status: 409, .unix("/s"))
        #expect(error.description == "berth: port 8080/tcp is already in use\n  by: nginx (pid 1)\n  fix: stop it\n")
    }

    @Test func aDaemonThatIsNotThereIsNamed() throws {
        let error = try #require(throws: ClientError.self) { try Daemon(.unix("/nosuch/s")).request("GET", "/x") }
        #expect(error.description.contains("no daemon at /nosuch/s") && error.description.contains("berth daemon"))
    }

    @Test func framesComeInParts() throws {
        let bytes: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 3, 97, 98, 99, 2, 0, 0, 0, 0, 0, 0, 1, 100, 1, 0, 0, 0, 0, 0, 0, 0]
        for size in 1...bytes.count {
            var frames = Frames()
            var found: [UInt8: [UInt8]] = [:]
            for start in stride(from: 0, to: bytes.count, by: size) {
                for piece in try frames.feed(bytes[start..<min(start + size, bytes.count)]) {
                    found[piece.stream, default: []] += piece.bytes
                }
            }
            #expect(found == [1: [97, 98, 99], 2: [100]])
        }
        var frames = Frames()
        #expect(throws: ClientError.self) { try frames.feed([72, 84, 84, 80, 47, 49, 46, 49]) }
    }
}
