#include "CKernel.h"
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>

int berth_tcp_sent(int socket, struct berth_tcp_sent *sent) {
    struct tcp_info info;
    socklen_t size = sizeof info;
    memset(&info, 0, sizeof info);
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return -1;
    if (size < offsetof(struct tcp_info, tcpi_data_segs_out) + sizeof info.tcpi_data_segs_out) {
        errno = EOPNOTSUPP;
        return -1;
    }
    int unacknowledged = 0;
    if (ioctl(socket, SIOCOUTQ, &unacknowledged) != 0) return -1;
    sent->segments = info.tcpi_data_segs_out;
    sent->again = info.tcpi_total_retrans;
    sent->size = info.tcpi_snd_mss;
    sent->unacknowledged = (uint32_t)unacknowledged;
    return 0;
}

int berth_tcp_send_at_once(int socket) {
    int on = 1;
    return setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}
