import Glibc
import NetCore
import TestSupport

/// Sends and receives Ethernet frames of a type of its own in one namespace (man 7 packet).
final class FrameSocket {
    /// For local experiments (IEEE 802).
    static let type: [UInt8] = [0x88, 0xb5]
    static let everybody: [UInt8] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]
    private let number: Int32
    private let index: UInt32

    init(_ host: PrivateHost, in namespace: String, link: String = "eth0") throws {
        (number, index) = try host.inside(namespace) {
            let kind = Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
            let number = try check("open a packet socket") { socket(AF_PACKET, kind, 0xb588) }
            return (number, if_nametoindex(link))
        }
        var time = timeval(tv_sec: 0, tv_usec: 400_000)
        setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(number) }

    /// `tag` stands between source and type, as an 802.1Q header does.
    func send(from source: MACAddress, to target: [UInt8] = everybody, tag: [UInt8] = [], _ text: String) throws {
        let frame =
            target + source.bytes + tag + FrameSocket.type + Array(text.utf8) + [UInt8](repeating: 0, count: 50)
        // struct sockaddr_ll: family, protocol, index, hardware type, packet type, length of the address, address.
        var place: [UInt8] = [UInt8(AF_PACKET), 0] + FrameSocket.type
        place += withUnsafeBytes(of: index) { Array($0) } + [0, 0, 0, 6] + target + [0, 0]
        try check("send a frame") {
            place.withUnsafeBytes { address in
                Int32(
                    sendto(
                        number, frame, frame.count, 0, address.baseAddress!.assumingMemoryBound(to: sockaddr.self),
                        socklen_t(address.count)))
            }
        }
    }

    /// The texts of what arrives, until nothing comes for 0.4 seconds or the text `last` has.
    func received(until last: String? = nil) -> [String] {
        var texts: [String] = []
        var buffer = [UInt8](repeating: 0, count: 2048)
        while last == nil || texts.last != last {
            let count = recv(number, &buffer, buffer.count, 0)
            guard count > 14 else { break }
            texts.append(String(decoding: buffer[14..<count].prefix { $0 != 0 }, as: UTF8.self))
        }
        return texts
    }
}
