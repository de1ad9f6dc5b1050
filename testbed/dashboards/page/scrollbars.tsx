// A picture is not scrolled; the package that this stands for cannot be bundled as it is.
import React from 'react';

export class Scrollbars extends React.Component<React.PropsWithChildren> {
  render() {
    return <div>{this.props.children}</div>;
  }
}
export default Scrollbars;
