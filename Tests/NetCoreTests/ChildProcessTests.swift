import Glibc
import Testing

@testable import NetCore
@testable import TestSupport

@Suite("A child and the signals that its caller holds back")
struct ChildProcessTests {
    /// A thread that holds SIGTERM and SIGINT back, to which `signal` was sent, runs a child; what became of the child, and whether the
    /// signal still waits.
    static func run(_ signal: Int32, isInterruptible: Bool) throws -> (ChildProcess.Outcome, isPending: Bool) {
        try HostThread.run {
            var held = sigset_t()
            sigemptyset(&held)
            for number in [SIGTERM, SIGINT] { sigaddset(&held, number) }
            pthread_sigmask(SIG_BLOCK, &held, nil)
            pthread_kill(pthread_self(), signal)
            var child = ChildProcess(
                path: "/bin/sh", arguments: ["-c", "sleep 0.3; echo done"], environment: ["PATH=/usr/bin:/bin"],
                input: [])
            child.isInterruptible = isInterruptible
            let outcome = try child.run()
            return (outcome, PendingSignal.take())
        }
    }

    @Test("a signal is left to the thread that waits for it, and the child goes on", arguments: [SIGTERM, SIGINT])
    func left(signal: Int32) throws {
        let (outcome, isPending) = try ChildProcessTests.run(signal, isInterruptible: false)
        #expect(isPending)
        #expect(!outcome.interrupted && outcome.exitStatus == 0 && outcome.output == Array("done\n".utf8))
    }

    @Test("of an interruptible child it is taken, and the child is ended", arguments: [SIGTERM, SIGINT])
    func taken(signal: Int32) throws {
        let (outcome, isPending) = try ChildProcessTests.run(signal, isInterruptible: true)
        #expect(!isPending)
        #expect(outcome.interrupted && outcome.signal == SIGTERM && outcome.output.isEmpty)
    }

    @Test("nobody interrupts a child unless it is said")
    func byDefault() {
        let child = ChildProcess(path: "/bin/true", arguments: [], environment: [], input: [])
        #expect(!child.isInterruptible)
    }
}
