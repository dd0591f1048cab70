import Glibc
import NetCore

/// Where the handler writes: initialised statically, so that reading it is safe in a handler.
nonisolated(unsafe) private var signalPipe: Int32 = -1

/// Signals that wait to be read, instead of doing what they do: a handler writes their numbers into a pipe.
public struct SignalQueue: ~Copyable {
    private let reading: OwnedDescriptor
    private let writing: OwnedDescriptor
    private let signals: [Int32]

    /// From here on those signals are read. One at a time exists in a process.
    public init(_ signals: [Int32]) throws(ClientError) {
        self.signals = signals
        var ends: [Int32] = [-1, -1]
        let code = pipe(&ends)
        let error = Errno.current
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        reading = OwnedDescriptor(taking: ends[0])
        writing = OwnedDescriptor(taking: ends[1])
        guard code == 0 else { throw ClientError(KernelError("make a pipe", error)) }
        signalPipe = writing.number
        for signal in signals {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { number in
                let before = errno
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(signalPipe, &byte, 1)
                errno = before
            }
            action.sa_flags = Int32(SA_RESTART)
            sigaction(signal, &action, nil)
        }
    }

    deinit {
        for number in signals { signal(number, SIG_DFL) }
        signalPipe = -1
    }

    public var number: Int32 { reading.number }

    /// The next one that came; nil when none waits.
    public func next() -> Int32? {
        var byte: UInt8 = 0
        return read(reading.number, &byte, 1) == 1 ? Int32(byte) : nil
    }
}
