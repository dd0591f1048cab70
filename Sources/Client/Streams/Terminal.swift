import Glibc
import NetCore

/// The terminal on standard input in raw mode, and given back as it was.
public struct Terminal: ~Copyable {
    private let before: termios
    private let descriptor: Int32

    public static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    /// Every key goes to the container, control keys too. Nil: it is no terminal.
    public init?(raw descriptor: Int32) {
        var settings = termios()
        guard tcgetattr(descriptor, &settings) == 0 else { return nil }
        before = settings
        self.descriptor = descriptor
        cfmakeraw(&settings)
        tcsetattr(descriptor, TCSADRAIN, &settings)
    }

    deinit {
        var settings = before
        // From the background the kernel would stop the process here.
        signal(SIGTTOU, SIG_IGN)
        tcsetattr(descriptor, TCSADRAIN, &settings)
    }

    /// The window's rows and columns; nil when nobody knows.
    public static func size(_ descriptor: Int32 = STDOUT_FILENO) -> (rows: Int, columns: Int)? {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0, size.ws_col > 0 else { return nil }
        return (Int(size.ws_row), Int(size.ws_col))
    }
}
