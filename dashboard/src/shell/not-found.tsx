import { Link } from 'react-router';
import { Empty } from '../ui/states';

export function NotFound() {
  return (
    <Empty>
      There is no such page. <Link to="/live">Go to the live view.</Link>
    </Empty>
  );
}
